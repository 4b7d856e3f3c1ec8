namespace Microsoft.ML.Moka;

/// <summary>
/// What all trainers of Moka have in common: the backbone, the adapter and the training. Options that are not set have defaults that suit a first try. They are
/// checked together when a trainer is made; changing them afterwards has no effect on it.
/// </summary>
public abstract class TuningOptions
{
    private protected TuningOptions()
    {
    }

    /// <summary>
    /// The folder of a LLaMA in Hugging Face form (<c>config.json</c>, safetensors, tokenizer), a GGUF file, or the name of a model on Hugging Face's hub
    /// (<c>owner/name</c>, <c>owner/name@revision</c>, <c>owner/name/file.gguf</c>), which is then looked for in its cache folder and never fetched from here:
    /// <see cref="MokaBackbone.DownloadAsync"/> and <c>moka pull</c> do that. Where it is not set, the small backbone inside this package is tuned.
    /// </summary>
    public string? BackbonePath { get; set; }

    /// <summary>How the backbone's frozen linear maps are kept in memory. Default: 4 bits, NF4.</summary>
    public BackboneQuantization Quantization { get; set; } = BackboneQuantization.NF4;

    /// <summary>
    /// How the CPU multiplies matrices, in training and in the model that comes of it. Default null: <see cref="MokaPrecision.Split"/> where the processor has
    /// AMX, else <see cref="MokaPrecision.Float32"/>. Where the processor has no units for it, and on GPUs, it has no effect; the log says so, and why.
    /// </summary>
    public MokaPrecision? Precision { get; set; }

    /// <summary>What is trained, and on which linear maps. Default: MoKA with five filters on the four maps of the attention.</summary>
    public AdapterOptions Adapter { get; set; } = new MokaAdapter();

    /// <summary>
    /// The folder of an adapter that training goes on from, in PEFT's form: written by <see cref="MokaModel.SaveAdapter"/> or by PEFT. Method, shapes and
    /// target modules are the folder's, and <see cref="Adapter"/> is not used. With <see cref="NumberOfEpochs"/> = 0 the adapter stays as it is. Not set by
    /// default: training starts from the backbone alone.
    /// </summary>
    public string? InitialAdapterPath { get; set; }

    /// <summary>
    /// The most tokens of prompt and answer together, at least 8. Longer prompts lose their beginning, and a warning counts them. Default 512; never more
    /// than the backbone has positions.
    /// </summary>
    public int MaximumTokens { get; set; } = 512;

    /// <summary>
    /// How often training sees each row, at least 0; not used where <see cref="NumberOfSteps"/> is set. Default: as often as it takes for 300 updates, from 3
    /// to 100 times. With 0 the backbone stays as it is: the baseline that tuning is to be compared with.
    /// </summary>
    public int? NumberOfEpochs { get; set; }

    /// <summary>The number of updates, at least 0, over as many epochs as that takes; not set by default.</summary>
    public int? NumberOfSteps { get; set; }

    /// <summary>
    /// The learning rate at its highest, above 0. Default: a number / the backbone's hidden size, as a step moves each trained element by about the rate, and
    /// their effect adds up over the width. The number is 3 for MoKA, MoKA_s and KronA, which is 0.0007 for a LLaMA of 7 billion parameters and 0.02 for the
    /// backbone inside this package; 1 for LoKr, 0.4 for CDKA, LoRA and DoRA, and 0.12 for full fine-tuning.
    /// </summary>
    public float? LearningRate { get; set; }

    /// <summary>How the learning rate goes down. Default: half a cosine wave.</summary>
    public LearningRateSchedule LearningRateSchedule { get; set; } = LearningRateSchedule.Cosine;

    /// <summary>The share of the steps in which the learning rate rises to its highest, from 0 to 1. Default 0.05.</summary>
    public double WarmupFraction { get; set; } = 0.05;

    /// <summary>AdamW's decoupled weight decay per step, as a factor of the learning rate, at least 0. Default 0.</summary>
    public float WeightDecay { get; set; }

    /// <summary>The largest norm of the gradient over all parameters, at least 0; larger gradients are scaled down to it. Default 1; 0 turns it off.</summary>
    public float MaximumGradientNorm { get; set; } = 1;

    /// <summary>The most tokens that go through the backbone at once in training, at least 1; a longer row goes alone. Default 1024.</summary>
    public int BatchTokens { get; set; } = 1024;

    /// <summary>
    /// The most rows that go through the backbone at once in training, at least 1: what other trainers call the batch size. Not set by default: as many as
    /// <see cref="BatchTokens"/> holds, which still counts where both are set.
    /// </summary>
    public int? BatchRows { get; set; }

    /// <summary>How many batches make one update, at least 1: larger updates without more memory. Default 1.</summary>
    public int GradientAccumulation { get; set; } = 1;

    /// <summary>
    /// Workers that compute batches of each update at the same time: more GPUs of this machine (<see cref="MokaGpus"/>), or other machines.
    /// <see cref="GradientAccumulation"/> says how many batches there are to share out. The result has the same bits with any number of workers, and with
    /// none. Not set by default.
    /// </summary>
    public WorkerPool? Workers { get; set; }

    /// <summary>
    /// How workers send the gradient of a batch. Default: <see cref="MokaExchange.Float32"/>. With <see cref="MokaExchange.BFloat16"/> each batch's gradient is
    /// rounded before it is added, by whomever it is computed: half as many bytes, and another result. Only together with <see cref="Workers"/>.
    /// </summary>
    public MokaExchange GradientExchange { get; set; }

    /// <summary>
    /// Whether the prompt is learned as well as the answer. It moves accuracies by more than most methods do, so say so where results are compared.
    /// Default false.
    /// </summary>
    public bool TrainOnPrompt { get; set; }

    /// <summary>
    /// Whether decoder layers are computed again in the backward pass: memory for one layer's activations instead of all, for a third more time.
    /// Default false.
    /// </summary>
    public bool GradientCheckpointing { get; set; }

    /// <summary>
    /// Determines initial values, the order of rows, dropout and the validation fraction: the same seed gives the same model. Default: the seed of the
    /// MLContext or, where that has none, a random one.
    /// </summary>
    public int? Seed { get; set; }

    /// <summary>
    /// Rows that are not trained on, with the columns of the training set: the model ends with the weights that predict them best. Labels are keys or text.
    /// Not set by default.
    /// </summary>
    public IDataView? ValidationSet { get; set; }

    /// <summary>
    /// The share of the training rows that is taken as validation set, from 0 to below 1. Default 0; not together with <see cref="ValidationSet"/>.
    /// </summary>
    public double ValidationFraction { get; set; }

    /// <summary>Steps between two looks at the validation set, above 0. Default: the ends of the epochs.</summary>
    public int? ValidationInterval { get; set; }

    /// <summary>
    /// Training stops after so many looks at the validation set that found no lower loss, above 0. Not set by default: it goes on to the end.
    /// </summary>
    public int? EarlyStoppingPatience { get; set; }

    /// <summary>
    /// A folder that the state of training is saved to every <see cref="CheckpointInterval"/>. Fit with the same options and data goes on from there after an
    /// interruption, to the same result. Runs on other rows, as the folds of a cross-validation, have their states beside each other; one run uses the folder
    /// at a time. Not set by default.
    /// </summary>
    public string? CheckpointFolder { get; set; }

    /// <summary>
    /// The time between two saves of the state of training, which are made between steps; at least zero, for a save after each step. It has no effect on the
    /// result. Default: 5 minutes.
    /// </summary>
    public TimeSpan CheckpointInterval { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Called after each step, on the thread that trains. Progress also goes to the log of the MLContext.</summary>
    public Action<TrainingProgress>? Progress { get; set; }

    /// <summary>
    /// A folder that the curves of training are written to as an event file of TensorBoard, a new one for each run: loss, validation loss, learning rate,
    /// gradient norm and tokens per second by step (<c>tensorboard --logdir FOLDER</c>). A disk that fails ends the curves, with a warning, and not the
    /// training. Not set by default.
    /// </summary>
    public string? TensorBoardFolder { get; set; }

    /// <summary>Cancels Fit, which then throws an <see cref="OperationCanceledException"/>. ML.NET's own cancellation works too.</summary>
    public CancellationToken CancellationToken { get; set; }

    /// <summary>
    /// Whether cancellation ends Fit with a model instead of an exception: the weights that predict the validation set best so far or, without one, the latest.
    /// What a button that says "stop" wants. Before the first step there is nothing to keep, and Fit throws all the same. Default false.
    /// </summary>
    public bool KeepBestWhenCanceled { get; set; }

    /// <summary>The share of the steps that a sweep's shorter run makes, above 0 and below 1; null for all.</summary>
    internal double? StepShare { get; set; }

    /// <summary>
    /// Whether a saved model has the quantized backbone inside, some 4 GB for a LLaMA of 7 billion parameters. Default false: it has the backbone's path and
    /// fingerprint, and loading finds it there, through the environment variable MOKA_BACKBONE_PATH or through
    /// <see cref="MokaTransformer.BackboneResolver"/>.
    /// </summary>
    public bool SaveBackbone { get; set; }
}
