namespace Microsoft.ML.Moka;

/// <summary>How models are evaluated on a folder of benchmarks.</summary>
public sealed class BenchmarkOptions
{
    /// <summary>How an answer is got out of the model. Default: <see cref="LikelihoodProtocol"/>.</summary>
    public EvaluationProtocol Protocol { get; set; } = new LikelihoodProtocol();

    /// <summary>The tasks that are wanted, by the names of <see cref="BenchmarkTask"/> or of their folders. All that are in the folder, if not set.</summary>
    public IReadOnlyCollection<string>? Tasks { get; set; }

    /// <summary>The most questions of each task, the first ones, at least 1. All, if not set.</summary>
    public int? MaximumRows { get; set; }

    /// <summary>How many questions with answers stand before each question of MMLU, at least 0. Default 5, as published; other tasks have none.</summary>
    public int Examples { get; set; } = 5;

    /// <summary>
    /// The most tokens of a question with its answer, at least 8. Longer prompts lose their beginning, and are counted. Default: as the model was trained; for
    /// a backbone 2048. Never more than the backbone has positions.
    /// </summary>
    public int? MaximumTokens { get; set; }

    /// <summary>The most tokens that go through the backbone at a time, at least 1; a longer question goes alone. Default 2048.</summary>
    public int BatchTokens { get; set; } = 2048;

    /// <summary>How the linear maps of a backbone that is evaluated untuned are kept in memory. Default: 4 bits, NF4.</summary>
    public BackboneQuantization Quantization { get; set; } = BackboneQuantization.NF4;

    /// <summary>
    /// How the CPU multiplies matrices for a backbone that is evaluated untuned; a model has its own <see cref="MokaModel.Precision"/>. Default null:
    /// <see cref="MokaPrecision.Split"/> where the processor has AMX, else <see cref="MokaPrecision.Float32"/>. Where the processor has no units for it, and
    /// on GPUs, it has no effect; the log says so, and why.
    /// </summary>
    public MokaPrecision? Precision { get; set; }

    /// <summary>
    /// Whether test sets must have as many rows and answers of each kind as the published ones. Otherwise a difference is a warning in the log. Not checked
    /// where <see cref="MaximumRows"/> is set. Default false.
    /// </summary>
    public bool RequirePublishedCounts { get; set; }

    /// <summary>
    /// A folder that answers are written to as they come, a file for each model and protocol. The same evaluation goes on from there after an interruption, to
    /// the same result; a finished one is read from there. Not set by default.
    /// </summary>
    public string? ResultsFolder { get; set; }

    /// <summary>
    /// Workers on other machines that compute batches of questions, at the same time. Answers have the same bits with any number of them, and with none; they
    /// are written, and progress is told, in the order of the questions. Not set by default.
    /// </summary>
    public WorkerPool? Workers { get; set; }

    /// <summary>Called after each batch of questions, on the thread that evaluates. Progress also goes to the log of the MLContext.</summary>
    public Action<BenchmarkProgress>? Progress { get; set; }

    /// <summary>Cancels the evaluation, which then throws an <see cref="OperationCanceledException"/>. ML.NET's own cancellation works too.</summary>
    public CancellationToken CancellationToken { get; set; }

    internal BenchmarkOptions Checked()
    {
        var problems = new List<string>();
        if (Protocol is null)
            problems.Add($"{nameof(Protocol)} must be set.");
        if (Tasks is { } tasks && (tasks.Count == 0 || tasks.Any(string.IsNullOrWhiteSpace)))
            problems.Add($"{nameof(Tasks)} is empty or has an empty name: name the tasks, or leave it unset for all that there are.");
        if (MaximumRows is < 1)
            problems.Add($"{nameof(MaximumRows)} must be at least 1; it is {MaximumRows}.");
        if (Examples < 0)
            problems.Add($"{nameof(Examples)} must be at least 0; it is {Examples}.");
        if (MaximumTokens is < 8)
            problems.Add($"{nameof(MaximumTokens)} must be at least 8; it is {MaximumTokens}.");
        if (BatchTokens < 1)
            problems.Add($"{nameof(BatchTokens)} must be at least 1; it is {BatchTokens}.");
        if (Precision is { } precision && !Enum.IsDefined(precision))
            problems.Add($"{nameof(Precision)} must be one of {string.Join(", ", Enum.GetNames<MokaPrecision>())}.");
        if (!Enum.IsDefined(Quantization))
            problems.Add($"{nameof(Quantization)} must be one of {string.Join(", ", Enum.GetNames<BackboneQuantization>())}.");
        if (Protocol is GenerationProtocol { Beams: < 1 or > 64 } wrongBeams)
            problems.Add($"{nameof(GenerationProtocol.Beams)} must be from 1 to 64; it is {wrongBeams.Beams}.");
        if (Protocol is GenerationProtocol { MaximumNewTokens: < 1 } wrongLength)
            problems.Add($"{nameof(GenerationProtocol.MaximumNewTokens)} must be at least 1; it is {wrongLength.MaximumNewTokens}.");
        return problems.Count == 0 ? (BenchmarkOptions)MemberwiseClone() : throw new ArgumentException(string.Join(Environment.NewLine, problems), "options");
    }
}
