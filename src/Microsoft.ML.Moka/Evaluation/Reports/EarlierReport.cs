using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Evaluation.Reports;

/// <summary>What a comparison needs of an earlier report.</summary>
internal sealed record EarlierReport(string Path, string Title, IReadOnlyList<EarlierEvaluation> Evaluations)
{
    /// <summary>All of MMLU by several models is some hundreds of kilobytes.</summary>
    private const long LargestFile = 256 << 20;
    private const int MostRows = 1 << 28;

    /// <param name="path">The file, or the folder of the report.</param>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="InvalidDataException">It is no report that this version reads; the message names file and field.</exception>
    public static EarlierReport Read(string path)
    {
        var isFile = System.IO.Path.GetFileName(path) == BenchmarkReport.JsonName && !Directory.Exists(path);
        var folder = AtomicFolder.Current(isFile ? System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))! : path);
        if (isFile || Directory.Exists(folder))
            path = System.IO.Path.Combine(folder, BenchmarkReport.JsonName);
        var file = new FileInfo(path);
        if (!file.Exists)
            throw new FileNotFoundException($"There is no report '{path}': name the {BenchmarkReport.JsonName} of an earlier report, or its folder.", path);
        if (file.Length > LargestFile)
            throw new InvalidDataException(FormattableString.Invariant($"{path} has {file.Length:N0} bytes: that is no report."));
        return JsonFields.Parse(File.ReadAllBytes(path), path, fields => Read(path, fields));
    }

    /// <exception cref="ArgumentException">No evaluation is of that model.</exception>
    public void Require(string? model)
    {
        if (model is not null && Evaluations.All(evaluation => evaluation.Model != model))
            throw new ArgumentException(
                $"'{Path}' has no model '{model}'; it has '{string.Join("', '", Evaluations.Select(evaluation => evaluation.Model).Distinct())}'.",
                nameof(model));
    }

    /// <summary>The evaluation by the same protocol, of that model, or of the model of the same name, or of the only model; null where there is none.</summary>
    public EarlierEvaluation? Match(BenchmarkMetrics metrics, string? model)
    {
        var candidates = Evaluations.Where(evaluation => evaluation.Protocol == metrics.Protocol).ToList();
        return model is not null
            ? candidates.FirstOrDefault(evaluation => evaluation.Model == model)
            : candidates.FirstOrDefault(evaluation => evaluation.Model == metrics.Model) ?? (candidates.Count == 1 ? candidates[0] : null);
    }

    private static EarlierReport Read(string path, JsonFields fields)
    {
        if (fields.Text("schema", "") != ReportContent.CurrentSchema)
            throw new InvalidDataException($"{path} is no report of benchmarks: its field 'schema' is not '{ReportContent.CurrentSchema}'.");
        var version = fields.Integer("version", 1, int.MaxValue);
        if (version != ReportContent.CurrentVersion)
            throw new InvalidDataException(
                $"{path} is a report of version {version}; this version of Moka reads version {ReportContent.CurrentVersion}. Evaluate again to compare.");
        var report = new EarlierReport(path, fields.NonBlank("title"), [.. fields.Objects("evaluations").Select(EvaluationOf)]);
        return report.Evaluations.Count > 0 ? report : throw fields.Error("evaluations", "is missing or empty");
    }

    private static EarlierEvaluation EvaluationOf(JsonFields fields)
    {
        var settings = fields.Object("settings") ?? throw fields.Error("settings", "is missing");
        EarlierTask[] tasks = [.. fields.Objects("tasks").Select(TaskOf)];
        if (tasks.Length == 0)
            throw fields.Error("tasks", "is missing or empty");
        if (tasks.DistinctBy(task => task.Task).Count() < tasks.Length)
            throw fields.Error("tasks", "has a task twice");
        return new EarlierEvaluation(fields.NonBlank("model"), fields.NonBlank("protocol"), settings.AllTexts(), tasks);
    }

    private static EarlierTask TaskOf(JsonFields fields)
    {
        var outcomes = fields.Text("outcomes");
        var rows = fields.Integer("rows", 1, MostRows);
        if (outcomes.Length != rows)
            throw fields.Error("outcomes", FormattableString.Invariant($"must have a character for each of the {rows:N0} rows; it has {outcomes.Length:N0}"));
        if (outcomes.AsSpan().ContainsAnyExcept(TaskContent.Right, TaskContent.Wrong, TaskContent.Unanswered))
            throw fields.Error("outcomes", $"must have nothing but '{TaskContent.Right}', '{TaskContent.Wrong}' and '{TaskContent.Unanswered}'");
        var correct = outcomes.Count(outcome => outcome == TaskContent.Right);
        if (fields.Integer("correct", 0, rows) != correct)
            throw fields.Error("correct", FormattableString.Invariant($"must be {correct:N0}, the right ones of the outcomes"));
        return new EarlierTask(fields.NonBlank("task"), fields.NonBlank("data"), outcomes, correct);
    }
}

/// <summary>An evaluation of an earlier report.</summary>
internal sealed record EarlierEvaluation(string Model, string Protocol, IReadOnlyDictionary<string, string> Settings, IReadOnlyList<EarlierTask> Tasks);

/// <summary>A task of an earlier evaluation.</summary>
internal sealed record EarlierTask(string Task, string Data, string Outcomes, int Correct)
{
    public int Rows => Outcomes.Length;

    public double Accuracy => Correct / (double)Rows;
}
