using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Sweeps;

/// <summary>What is finished of a sweep, as a file that is replaced as a whole after each trial, with a hash of itself.</summary>
/// <param name="path">The file.</param>
/// <param name="common">What all trials have in common, and determines them.</param>
internal sealed class SweepFile(string path, IReadOnlyDictionary<string, string> common)
{
    public const string Name = "sweep.json";

    private const string Format = "moka-sweep-1";

    /// <summary>The trials that were finished before; the settings of each are those of one that is planned.</summary>
    /// <exception cref="InvalidDataException">The file was changed, or is something else.</exception>
    /// <exception cref="InvalidOperationException">It is of another sweep.</exception>
    public IReadOnlyList<SweepTrial> Read(SweepPlan plan)
    {
        if (!File.Exists(path))
            return [];
        var json = File.ReadAllBytes(path);
        if (HashedJson.Matches(json, path) is not true)
            throw new InvalidDataException($"{path} was changed since it was saved: its SHA-256 is not the one in it. Delete it to start anew.");
        var (written, highest, trials) = JsonFields.Parse(json, path, fields =>
        {
            if (fields.Text("format") is var format && format != Format)
                throw new InvalidDataException($"{path} is of the format '{format}'; this version reads '{Format}'. Delete it, or choose another folder.");
            var highest = fields.Objects("trials").Select(trial => trial.Integer("number", 1, int.MaxValue)).DefaultIfEmpty(0).Max();
            SweepTrial[] trials = highest > plan.Settings.Count ? [] : [.. fields.Objects("trials").Select(trial =>
                Trial(trial, plan.Settings[trial.Integer("number", 1, plan.Settings.Count) - 1]))];
            return ((fields.Object("common") ?? throw fields.Error("common", "is missing")).AllTexts(), highest, trials);
        });
        RequireSame(written);
        if (highest > plan.Settings.Count)
            throw new InvalidOperationException(
                $"{path} has a trial {highest}, and {plan.Settings.Count} are wanted: raise {nameof(SweepOptions.NumberOfTrials)}, or choose another folder.");
        return trials;
    }

    public void Write(IEnumerable<SweepTrial> trials) => AtomicFile.Write(path, stream => stream.Write(HashedJson.Write(new(StringComparer.Ordinal)
    {
        ["common"] = new SortedDictionary<string, string>(common.ToDictionary(), StringComparer.Ordinal),
        ["format"] = Format,
        ["trials"] = trials.Select(Fields).ToArray(),
    })));

    private void RequireSame(SortedDictionary<string, string> written)
    {
        var differing = common.Keys.Union(written.Keys).Order(StringComparer.Ordinal)
            .Where(key => common.GetValueOrDefault(key) != written.GetValueOrDefault(key))
            .Select(key => $"  {key}: '{written.GetValueOrDefault(key)}' there, '{common.GetValueOrDefault(key)}' now").ToList();
        if (differing.Count > 0)
            throw new InvalidOperationException(
                $"{path} holds the trials of another sweep:{Environment.NewLine}{string.Join(Environment.NewLine, differing)}{Environment.NewLine}" +
                $"Choose another {nameof(SweepOptions.Folder)}, or delete it.");
    }

    /// <summary>What a trial reached.</summary>
    public static SortedDictionary<string, object?> Fields(SweepTrial trial) => new(StringComparer.Ordinal)
    {
        ["log_loss"] = Finite(trial.LogLoss),
        ["macro_accuracy"] = Finite(trial.MacroAccuracy),
        ["micro_accuracy"] = Finite(trial.MicroAccuracy),
        ["number"] = trial.Number,
        ["problem"] = trial.Problem,
        ["rows"] = trial.Rows,
        ["seconds"] = trial.Duration.TotalSeconds,
        ["step_share"] = trial.StepShare,
        ["trainable_parameters"] = trial.TrainableParameterCount,
    };

    // JSON knows no infinity, which a probability of zero gives.
    private static object? Finite(double value) => double.IsFinite(value) ? value : null;

    /// <summary>The trial of these settings with what it reached.</summary>
    public static SweepTrial Trial(JsonFields fields, TrialSettings settings)
    {
        var problem = fields.OptionalText("problem");
        return new SweepTrial
        {
            Number = settings.Number,
            Adapter = settings.Adapter,
            Budget = settings.Budget,
            LearningRate = settings.LearningRate,
            NumberOfEpochs = settings.NumberOfEpochs,
            StepShare = fields.Number("step_share", 0, 1),
            TrainableParameterCount = (long)fields.Number("trainable_parameters", 0, long.MaxValue),
            Rows = fields.Integer("rows", 0, int.MaxValue),
            MicroAccuracy = fields.Number("micro_accuracy", 0, 1, double.NaN),
            MacroAccuracy = fields.Number("macro_accuracy", 0, 1, double.NaN),
            LogLoss = fields.Number("log_loss", 0, double.MaxValue, problem is null ? double.PositiveInfinity : double.NaN),
            Duration = TimeSpan.FromSeconds(fields.Number("seconds", 0, TimeSpan.MaxValue.TotalSeconds)),
            Problem = problem,
        };
    }
}
