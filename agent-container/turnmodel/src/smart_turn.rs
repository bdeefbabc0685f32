use std::sync::Arc;

use rten::{Model, NodeId, RunOptions, ThreadPool, ValueView};

use crate::{LogMel, MELS, STEPS, TurnModelError};

/// The Smart Turn network, ready to be asked.
pub struct SmartTurn {
    model: Model,
    input: NodeId,
    output: NodeId,
    pool: Arc<ThreadPool>,
    features: LogMel,
}

impl std::fmt::Debug for SmartTurn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmartTurn").finish_non_exhaustive()
    }
}

impl SmartTurn {
    /// Reads the network from the bytes of its ONNX file and starts the one thread it is evaluated on.
    ///
    /// # Errors
    /// [`TurnModelError::Load`] when it is no such file.
    pub fn load(onnx: Vec<u8>) -> Result<Self, TurnModelError> {
        let model = Model::load(onnx).map_err(|error| TurnModelError::Load(error.to_string()))?;
        let (&[input], &[output]) = (model.input_ids(), model.output_ids()) else {
            return Err(TurnModelError::Load("it must have one input and one output".to_owned()));
        };
        let pool = Arc::new(ThreadPool::with_num_threads(1));
        Ok(Self { model, input, output, pool, features: LogMel::default() })
    }

    /// Does something on the thread that evaluates the network, as setting its priority.
    pub fn on_its_thread<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.run(work)
    }

    /// Probability, 0 to 1, that who speaks in the last 8 s of `samples` (16 kHz) has finished.
    ///
    /// # Errors
    /// [`TurnModelError::Run`] when the network is another one.
    pub fn probability(&mut self, samples: &[i16]) -> Result<f32, TurnModelError> {
        let failed = |why: &dyn std::fmt::Display| TurnModelError::Run(why.to_string());
        let features = self.features.of(samples);
        let input =
            ValueView::from_shape([1, MELS, STEPS], features.as_slice()).map_err(|error| failed(&error))?;
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.pool)));
        let [output] = self
            .model
            .run_n(vec![(self.input, input.into())], [self.output], Some(options))
            .map_err(|error| failed(&error))?;
        let probability = output.as_tensor_view::<f32>().and_then(|tensor| tensor.iter().next().copied());
        probability.filter(|p| (0.0..=1.0).contains(p)).ok_or_else(|| failed(&"its output is no probability"))
    }
}
