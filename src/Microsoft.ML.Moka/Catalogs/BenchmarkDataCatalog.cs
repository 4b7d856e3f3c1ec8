using Microsoft.ML.Moka;
using Microsoft.ML.Moka.Evaluation.Benchmarks;

namespace Microsoft.ML;

/// <summary>Loads benchmarks and instruction data. The rows are read from the file whenever they are asked for, one at a time.</summary>
public static class BenchmarkDataCatalog
{
    /// <summary>
    /// Loads questions as <see cref="BenchmarkRow"/>s (columns Task, Instruction, Input, Output, Candidates, Label), ready for a
    /// <see cref="MokaTrainer"/> with InstructionColumnName and CandidatesColumnName: a test or training file of LLM-Adapters, its mixed training set, or one
    /// of the tasks' own JSONL files, which is put into LLM-Adapters' form.
    /// </summary>
    /// <param name="catalog">The data operations of an <see cref="MLContext"/>.</param>
    /// <param name="path">The file: a JSON array, or one JSON object a line.</param>
    /// <param name="task">The task. Where it is not given, the name of the file's folder, or of the file, says it; a file of several tasks has none.</param>
    /// <param name="requirePublishedCounts">Whether a file that has other numbers of rows or answers than the published test set is refused.</param>
    /// <returns>The rows. A row that cannot be read ends the enumeration with an <see cref="InvalidDataException"/> that names file and line.</returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The counts are required and differ.</exception>
    public static IDataView LoadBenchmark(this DataOperationsCatalog catalog, string path, BenchmarkTask? task = null, bool requirePublishedCounts = false)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        path = Existing(path);
        task ??= TaskOf(path);
        var rows = Enumerate(() => BenchmarkFile.ReadInstructions(path, task));
        if (requirePublishedCounts)
        {
            var known = task ?? throw new ArgumentException($"'{path}' names no task whose counts are known: give the task.", nameof(task));
            var counts = rows.CountBy(row => row.Label).ToDictionary();
            if (PublishedCounts.Difference(known, counts.Values.Sum(), counts) is { } difference)
                throw new InvalidDataException($"{path} is not the published test set: {difference}.");
        }
        return catalog.LoadFromEnumerable(rows);
    }

    /// <summary>
    /// Loads questions as <see cref="ChoiceRow"/>s (columns Task, Text, Candidates, Label, LabelIndex): prompts as lm-evaluation-harness makes them, and the
    /// choices' own texts.
    /// </summary>
    /// <param name="catalog">The data operations of an <see cref="MLContext"/>.</param>
    /// <param name="path">The file, in the task's own form or in LLM-Adapters'.</param>
    /// <param name="task">The task. Where it is not given, the name of the file's folder, or of the file, says it.</param>
    /// <returns>The rows. A row that cannot be read ends the enumeration with an <see cref="InvalidDataException"/> that names file and line.</returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    public static IDataView LoadBenchmarkChoices(this DataOperationsCatalog catalog, string path, BenchmarkTask? task = null)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        path = Existing(path);
        var known = task ?? TaskOf(path)
            ?? throw new ArgumentException($"Neither the folder nor the file of '{path}' is named like a task: give the task.", nameof(task));
        return catalog.LoadFromEnumerable(Enumerate(() => BenchmarkFile.ReadChoices(path, known)));
    }

    /// <summary>
    /// Loads questions of a subject of MMLU as <see cref="ChoiceRow"/>s (columns Task, Text, Candidates, Label, LabelIndex): prompts as lm-evaluation-harness
    /// makes them, with the letters A to D as candidates. <see cref="PromptTemplate.Plain"/> leaves them as they are.
    /// </summary>
    /// <param name="catalog">The data operations of an <see cref="MLContext"/>.</param>
    /// <param name="path">The CSV file: question, four choices, and the answer as a letter or as a number counted from 0; with or without a header.</param>
    /// <param name="examplesPath">The file of examples, MMLU's dev set.</param>
    /// <param name="examples">How many examples stand before each question; 0 where <paramref name="examplesPath"/> is not given, else 5 by default.</param>
    /// <returns>The rows. A row that cannot be read ends the enumeration with an <see cref="InvalidDataException"/> that names file and line.</returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">There are not so many examples.</exception>
    public static IDataView LoadMmlu(this DataOperationsCatalog catalog, string path, string? examplesPath = null, int examples = 5)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentOutOfRangeException.ThrowIfNegative(examples);
        path = Existing(path);
        var subject = MmluFile.SubjectOf(path);
        var opening = MmluFile.Opening(subject, examplesPath is null ? null : Existing(examplesPath), examplesPath is null ? 0 : examples);
        return catalog.LoadFromEnumerable(Enumerate(() => MmluFile.Read(path, subject, opening)));
    }

    /// <summary>Loads instruction data in Alpaca's form as <see cref="InstructionRow"/>s (columns Instruction, Input, Output).</summary>
    /// <param name="catalog">The data operations of an <see cref="MLContext"/>.</param>
    /// <param name="path">The file: a JSON array, or one JSON object a line.</param>
    /// <returns>The rows. A row that cannot be read ends the enumeration with an <see cref="InvalidDataException"/> that names file and line.</returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    public static IDataView LoadInstructions(this DataOperationsCatalog catalog, string path)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        path = Existing(path);
        return catalog.LoadFromEnumerable(Enumerate(() => BenchmarkFile.ReadAlpaca(path)));
    }

    private static string Existing(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return File.Exists(path) ? Path.GetFullPath(path) : throw new FileNotFoundException($"There is no file '{path}'.", path);
    }

    private static BenchmarkTask? TaskOf(string path) =>
        BenchmarkTask.Find(Path.GetFileName(Path.GetDirectoryName(path)!)) ?? BenchmarkTask.Find(Path.GetFileNameWithoutExtension(path));

    // Cursors read at the same time, and again: each needs an enumeration of its own.
    private static IEnumerable<TRow> Enumerate<TRow>(Func<IEnumerable<TRow>> read)
    {
        foreach (var row in read())
            yield return row;
    }
}
