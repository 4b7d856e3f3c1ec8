namespace Microsoft.ML.Moka.Evaluation.Benchmarks;

/// <summary>A file of questions in a folder of benchmarks.</summary>
/// <param name="Name">What metrics call it.</param>
/// <param name="Task">One of the eight; null for a task of the user's in LLM-Adapters' form.</param>
/// <param name="Path">The file.</param>
internal sealed record BenchmarkSource(string Name, BenchmarkTask? Task, string Path)
{
    private static readonly string[] Patterns = ["test*.json", "test*.jsonl", "val*.json", "val*.jsonl", "dev*.json", "dev*.jsonl"];

    /// <summary>The test files of a folder of benchmarks, a subfolder for each task, or of one task: first the eight in their order, then others by name.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="only">The tasks or names of folders that are wanted; null for all.</param>
    public static IReadOnlyList<BenchmarkSource> In(string folder, IReadOnlyCollection<string>? only)
    {
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"There is no folder '{folder}'.");
        folder = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(folder));
        var all = Directory.GetDirectories(folder).Prepend(folder).Select(Of).OfType<BenchmarkSource>()
            .OrderBy(source => source.Task is null ? int.MaxValue : BenchmarkTask.All.TakeWhile(task => task != source.Task).Count()).ThenBy(source => source.Name, StringComparer.Ordinal).ToList();
        if (all.Count == 0)
            throw new FileNotFoundException($"Neither '{folder}' nor a folder in it has a test*.json or test*.jsonl with questions.");
        if (all.GroupBy(source => source.Name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new ArgumentException($"'{folder}' has {twice.Key} twice: '{string.Join("' and '", twice.Select(source => source.Path))}'.");
        if (only is null)
            return all;
        var names = only.Select(name => BenchmarkTask.Find(name)?.Name ?? name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var missing = names.Except(all.Select(source => source.Name), StringComparer.OrdinalIgnoreCase).ToList();
        return missing.Count == 0
            ? [.. all.Where(source => names.Contains(source.Name))]
            : throw new ArgumentException($"'{folder}' has no '{string.Join("', '", missing)}'; it has '{string.Join("', '", all.Select(source => source.Name))}'.");
    }

    /// <summary>What all instructions begin with.</summary>
    public string InstructionOpening => Task is null ? "" : LlmAdaptersForm.OpeningOf(Task);

    public IEnumerable<BenchmarkRow> ReadInstructions() => BenchmarkFile.ReadInstructions(Path, Task);

    public IEnumerable<ChoiceRow> ReadChoices() => BenchmarkFile.ReadChoices(
        Path, Task ?? throw new InvalidOperationException($"'{Path}' is of none of the eight tasks, so that its choices' own texts cannot be found: score it by its answer words."));

    private static BenchmarkSource? Of(string folder)
    {
        var file = Patterns.SelectMany(pattern => Directory.GetFiles(folder, pattern).Order(StringComparer.Ordinal)).FirstOrDefault();
        var name = System.IO.Path.GetFileName(folder);
        var task = BenchmarkTask.Find(name);
        return file is null ? null : new BenchmarkSource(task?.Name ?? name, task, file);
    }
}
