using Microsoft.ML.Moka;
using RealBackbone;

namespace CompareAdapters;

/// <summary>
/// A comparison over real tasks in pieces: a cell is one method at one budget on one task with one rate and seed, and one result. Cells share nothing but the
/// folder that their results are in, so that any number of processes can work through the same plan.
/// </summary>
internal sealed record Cells
{
    public required IReadOnlyList<string> Tasks { get; init; }

    public required IReadOnlyList<string> Methods { get; init; }

    public string? Backbone { get; init; }

    public required string Data { get; init; }

    /// <summary>Trained parameters at most, 0 for each method's own sizes; where none is given, what MoKA takes by default.</summary>
    public IReadOnlyList<long> Budgets { get; init; } = [];

    /// <summary>The linear maps that are adapted, with commas; null for the attention's.</summary>
    public string? Targets { get; init; }

    /// <summary>What looks at hidden states; null where words answer.</summary>
    public string? Head { get; init; }

    public required IReadOnlyList<float> Rates { get; init; }

    public required IReadOnlyList<int> Seeds { get; init; }

    public int? Epochs { get; init; }

    public int? Steps { get; init; }

    public int? TestRows { get; init; }

    public required string Device { get; init; }

    /// <summary>Every rate, on the validation rows.</summary>
    public IEnumerable<RunSettings> OfRates() =>
        from rate in Rates from seed in Seeds from settings in Contestants() select settings with { Rate = rate, Seed = seed, OnValidationRows = true };

    /// <summary>The backbone as it is and plain features, then every method with a rate for each seed, on the test rows.</summary>
    /// <param name="results">What there is so far, for the rates.</param>
    /// <param name="rate">The rate of all; null for each method's best one.</param>
    /// <param name="report">Says which cells have no rate yet.</param>
    public IEnumerable<RunSettings> OfTests(IReadOnlyList<RunResult> results, float? rate, Action<string> report)
    {
        foreach (var task in Tasks)
        {
            yield return new RunSettings { Task = task, Method = RunSettings.Features, TestRows = TestRows };
            if (Head is null)
                yield return Common(task, RunSettings.Untuned);
        }
        foreach (var seed in Seeds)
            foreach (var settings in Contestants())
            {
                if ((rate ?? RateChoice.Of(settings, results)?.Rate) is { } chosen)
                    yield return settings with { Rate = chosen, Seed = seed };
                else if (seed == Seeds[0])
                    report($"{settings.Task}, {settings.Method}: no rate has been tried yet; run 'rates' first, or give --rate.");
            }
    }

    private IEnumerable<RunSettings> Contestants()
    {
        var usual = AdapterDesigner.ForBackbone(Backbone).Describe(new MokaAdapter()).TrainableParameterCount;
        return from task in Tasks
               from budget in Budgets.Count > 0 ? Budgets : [usual]
               from method in Methods
               select Common(task, method) with
               {
                   Budget = method == Settings.Reference || budget == 0 ? null : budget,
                   // MoKA as the port of the paper has it is on q and v, and full fine-tuning on every map.
                   Targets = method is Settings.Reference or "moka_paper" ? null : Targets,
                   Head = Head,
                   Steps = Steps,
                   // As many for every method.
                   Epochs = Steps is null ? Epochs ?? Experiment.Of(task, Backbone, Data).EpochsOf("", Head is not null) : null,
               };
    }

    private RunSettings Common(string task, string method) => new()
    {
        Task = task,
        Method = method,
        Backbone = Backbone is null ? "embedded" : Path.GetFileName(Path.TrimEndingDirectorySeparator(Backbone)),
        Device = Device,
        TestRows = TestRows,
    };
}
