"""Expands a SAM template into the CloudFormation that AWS makes of it, without network or credentials.

usage: expand.py template.yaml out.json
"""

import collections
import json
import sys

from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse


def main(source, out):
    with open(source) as file:
        document = yaml_parse(file)
    # The translator takes no local path; which one it is does not matter to it.
    for resource in document["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            code = resource["Properties"].get("CodeUri", "")
            if not (isinstance(code, str) and code.startswith("s3://")):
                resource["Properties"]["CodeUri"] = "s3://bucket/key"
    try:
        expanded = Translator({}, Parser()).translate(document, {})
    except InvalidDocumentException as error:
        for cause in error.causes:
            print(cause.message, file=sys.stderr)
        sys.exit(1)
    with open(out, "w") as file:
        json.dump(expanded, file, indent=1)
    kinds = collections.Counter(resource["Type"] for resource in expanded["Resources"].values())
    for kind, count in sorted(kinds.items()):
        print(f"{count:4} {kind}")


main(sys.argv[1], sys.argv[2])
