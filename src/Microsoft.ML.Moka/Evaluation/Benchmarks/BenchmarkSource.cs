namespace Microsoft.ML.Moka.Evaluation.Benchmarks;

/// <summary>A file of questions in a folder of benchmarks.</summary>
/// <param name="Name">What metrics call it.</param>
/// <param name="Task">One of the eight; null for other tasks.</param>
/// <param name="Path">The file.</param>
internal record BenchmarkSource(string Name, BenchmarkTask? Task, string Path)
{
    private static readonly string[] Patterns = ["test*.json", "test*.jsonl", "val*.json", "val*.jsonl", "dev*.json", "dev*.jsonl"];

    /// <summary>The files that the questions are made of.</summary>
    public virtual IEnumerable<string> Files => [Path];

    /// <summary>What all instructions begin with.</summary>
    public virtual string InstructionOpening => Task?.Instruction.Opening ?? "";

    /// <summary>What all prompts before the choices' own texts begin with.</summary>
    public virtual string ChoiceOpening => "";

    /// <summary>
    /// The test files of a folder of benchmarks, a subfolder for each task, or of one task: first the eight in their order, then others by name. Or the
    /// subjects of MMLU's folder, which has them in the subfolders test and dev.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="options">Which tasks are wanted, and how many examples.</param>
    public static IReadOnlyList<BenchmarkSource> In(string folder, BenchmarkOptions options)
    {
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"There is no folder '{folder}'.");
        folder = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(folder));
        var all = Directory.GetDirectories(folder).Prepend(folder).Select(Of).OfType<BenchmarkSource>().Concat(MmluSource.In(folder, options.Examples))
            .OrderBy(source => source.Task is null ? int.MaxValue : BenchmarkTask.All.TakeWhile(task => task != source.Task).Count())
            .ThenBy(source => source.Name, StringComparer.Ordinal).ToList();
        if (all.Count == 0)
            throw new FileNotFoundException($"Neither '{folder}' nor a folder in it has a test*.json or test*.jsonl with questions, or MMLU's CSV files.");
        if (all.GroupBy(source => source.Name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new ArgumentException($"'{folder}' has {twice.Key} twice: '{string.Join("' and '", twice.Select(source => source.Path))}'.");
        if (options.Tasks is not { } only)
            return all;
        var missing = only.Where(name => !all.Exists(source => TaskName.Means(name, source))).ToList();
        return missing.Count == 0
            ? [.. all.Where(source => only.Any(name => TaskName.Means(name, source)))]
            : throw new ArgumentException(
                $"'{folder}' has no '{string.Join("', '", missing)}'; it has '{string.Join("', '", all.Select(source => source.Name))}'.");
    }

    public virtual IEnumerable<BenchmarkRow> ReadInstructions() => BenchmarkFile.ReadInstructions(Path, Task);

    public virtual IEnumerable<ChoiceRow> ReadChoices() => BenchmarkFile.ReadChoices(
        Path, Task ?? throw new InvalidOperationException(
            $"'{Path}' is of none of the eight tasks, so that its choices' own texts cannot be found: score it by its answer words."));

    private static BenchmarkSource? Of(string folder)
    {
        var file = Patterns.SelectMany(pattern => Directory.GetFiles(folder, pattern).Order(StringComparer.Ordinal)).FirstOrDefault();
        var name = System.IO.Path.GetFileName(folder);
        var task = BenchmarkTask.Find(name);
        return file is null ? null : new BenchmarkSource(task?.Name ?? name, task, file);
    }
}

/// <summary>A subject of MMLU.</summary>
internal sealed record MmluSource(string Name, string Path, string? ExamplesPath, int Examples) : BenchmarkSource(Name, null, Path)
{
    private string? _opening;

    public override IEnumerable<string> Files => ExamplesPath is null || Examples == 0 ? [Path] : [Path, ExamplesPath];

    public override string ChoiceOpening => _opening ??= MmluFile.Opening(Name, ExamplesPath, Examples);

    public static IEnumerable<MmluSource> In(string folder, int examples)
    {
        var (test, dev) = (System.IO.Path.Combine(folder, "test"), System.IO.Path.Combine(folder, "dev"));
        if (!Directory.Exists(test))
            return [];
        var examplesOf = Directory.Exists(dev) ? Directory.GetFiles(dev, "*.csv").ToDictionary(MmluFile.SubjectOf) : [];
        return Directory.GetFiles(test, "*.csv").Select(path => (Path: path, Subject: MmluFile.SubjectOf(path)))
            .Select(file => new MmluSource(file.Subject, file.Path, examplesOf.GetValueOrDefault(file.Subject), examples));
    }

    public override IEnumerable<BenchmarkRow> ReadInstructions() =>
        throw new InvalidOperationException($"MMLU's questions ('{Path}') have no instructions: score them with {nameof(ChoiceLikelihoodProtocol)}.");

    public override IEnumerable<ChoiceRow> ReadChoices() => MmluFile.Read(Path, Name, ChoiceOpening);
}
