//! The dialogue's own words in the languages it knows.

use crate::Phrases;

impl Phrases {
    /// Words for a BCP 47 language; English where the language is not known.
    #[must_use]
    pub fn for_language(tag: &str) -> Self {
        match tag.split('-').next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "de" => german(),
            "es" => spanish(),
            "fr" => french(),
            _ => Self::default(),
        }
    }
}

fn german() -> Phrases {
    let s = str::to_owned;
    Phrases {
        fillers: vec![s("Einen Moment, bitte."), s("Einen Augenblick noch."), s("Ich bin noch dabei.")],
        apology: s("Entschuldigung, das dauert länger als gedacht."),
        not_heard: s("Entschuldigung, ich konnte Sie nicht hören. Sagen Sie das bitte noch einmal?"),
        silence_prompts: vec![s("Sind Sie noch da?")],
        silence_goodbye: s("Ich höre Sie nicht mehr und lege jetzt auf. Auf Wiederhören."),
        max_call: s("Leider ist die längste Gesprächsdauer erreicht. Auf Wiederhören."),
        transfer: s("Ich verbinde Sie."),
        transfer_failed: s("Leider ist dort niemand erreichbar. Wie kann ich Ihnen sonst helfen?"),
        voicemail: s("Bitte sprechen Sie nach dem Ton."),
        failed: s(
            "Es tut mir leid, im Moment kann ich Ihnen nicht helfen. Bitte rufen Sie später noch einmal an.",
        ),
        drain: s("Ich muss das Gespräch leider jetzt beenden. Bitte rufen Sie noch einmal an."),
        goodbye: s("Auf Wiederhören."),
    }
}

fn spanish() -> Phrases {
    let s = str::to_owned;
    Phrases {
        fillers: vec![s("Un momento, por favor."), s("Un segundo."), s("Sigo en ello.")],
        apology: s("Disculpe, esto tarda más de lo normal."),
        not_heard: s("Perdone, no le he oído. ¿Puede repetirlo?"),
        silence_prompts: vec![s("¿Sigue ahí?")],
        silence_goodbye: s("Ya no le oigo, así que voy a colgar. Adiós."),
        max_call: s("Hemos llegado a la duración máxima de la llamada. Adiós."),
        transfer: s("Le paso."),
        transfer_failed: s("Lo siento, nadie ha podido atenderle. ¿En qué más puedo ayudarle?"),
        voicemail: s("Deje su mensaje después de la señal."),
        failed: s("Lo siento, ahora no puedo ayudarle. Llame de nuevo más tarde, por favor. Adiós."),
        drain: s("Lo siento, tengo que terminar la llamada. Llame de nuevo, por favor. Adiós."),
        goodbye: s("Adiós."),
    }
}

fn french() -> Phrases {
    let s = str::to_owned;
    Phrases {
        fillers: vec![s("Un instant, s'il vous plaît."), s("Une seconde."), s("Je m'en occupe.")],
        apology: s("Désolé, cela prend plus de temps que prévu."),
        not_heard: s("Pardon, je ne vous ai pas entendu. Pouvez-vous répéter ?"),
        silence_prompts: vec![s("Vous êtes toujours là ?")],
        silence_goodbye: s("Je ne vous entends plus, je vais donc raccrocher. Au revoir."),
        max_call: s("Nous avons atteint la durée maximale de l'appel. Au revoir."),
        transfer: s("Je vous mets en relation."),
        transfer_failed: s("Désolé, personne n'a pu répondre. Puis-je vous aider autrement ?"),
        voicemail: s("Laissez votre message après le signal."),
        failed: s(
            "Désolé, je ne peux pas vous aider pour le moment. Merci de rappeler plus tard. Au revoir.",
        ),
        drain: s("Désolé, je dois terminer cet appel. Merci de rappeler. Au revoir."),
        goodbye: s("Au revoir."),
    }
}
