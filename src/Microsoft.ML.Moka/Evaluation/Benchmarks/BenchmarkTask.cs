using System.Collections.Frozen;

namespace Microsoft.ML.Moka;

/// <summary>One of the eight commonsense tasks: its names, its answer words, and what its published test set holds.</summary>
public sealed class BenchmarkTask
{
    private readonly string[] _folders;

    private BenchmarkTask(string name, string word, int words, int testRows, int[]? testLabels, params string[] folders)
        : this(name, [.. Enumerable.Range(1, words).Select(i => $"{word}{i}")], testRows, testLabels, folders)
    {
    }

    private BenchmarkTask(string name, string[] words, int testRows, int[]? testLabels, string[] folders)
    {
        Name = name;
        AnswerWords = words;
        TestRowCount = testRows;
        TestLabelCounts = testLabels is null ? FrozenDictionary<string, int>.Empty : words.Zip(testLabels).ToFrozenDictionary(p => p.First, p => p.Second);
        _folders = folders;
    }

    /// <summary>BoolQ: a question, true or false. Its rows in LLM-Adapters' form have no passage.</summary>
    public static BenchmarkTask BoolQ { get; } = new("BoolQ", ["true", "false"], 3270, [2033, 1237], ["boolq"]);

    /// <summary>PIQA: which of two solutions reaches a goal.</summary>
    public static BenchmarkTask Piqa { get; } = new("PIQA", "solution", 2, 1838, [910, 928], "piqa");

    /// <summary>Social IQa: what people do, feel and want.</summary>
    public static BenchmarkTask Siqa { get; } = new("SIQA", "answer", 5, 1954, [643, 654, 657, 0, 0], "social_i_qa", "social_iqa", "siqa");

    /// <summary>HellaSwag: how a description goes on.</summary>
    public static BenchmarkTask HellaSwag { get; } = new("HellaSwag", "ending", 4, 10042, null, "hellaswag");

    /// <summary>WinoGrande: whom or what a blank in a sentence stands for.</summary>
    public static BenchmarkTask WinoGrande { get; } = new("WinoGrande", "option", 2, 1267, [628, 639], "winogrande");

    /// <summary>The easy questions of the AI2 Reasoning Challenge. One of the test rows has five answers and the fifth as the right one.</summary>
    public static BenchmarkTask ArcEasy { get; } = new("ARC-e", "answer", 5, 2376, [596, 585, 633, 561, 1], "ARC-Easy", "arc_easy", "arc-e");

    /// <summary>The hard questions of the AI2 Reasoning Challenge.</summary>
    public static BenchmarkTask ArcChallenge { get; } = new("ARC-c", "answer", 5, 1172, [266, 311, 310, 285, 0], "ARC-Challenge", "arc_challenge", "arc-c");

    /// <summary>OpenBookQA.</summary>
    public static BenchmarkTask OpenBookQa { get; } = new("OBQA", "answer", 5, 500, [138, 126, 132, 104, 0], "openbookqa", "obqa");

    /// <summary>The eight, in the order in which papers list them.</summary>
    public static IReadOnlyList<BenchmarkTask> All { get; } = [BoolQ, Piqa, Siqa, HellaSwag, WinoGrande, ArcEasy, ArcChallenge, OpenBookQa];

    /// <summary>The name that papers use: "ARC-e".</summary>
    public string Name { get; }

    /// <summary>
    /// What counts as an answer in what a model writes, the words of LLM-Adapters' rules: <c>true</c> and <c>false</c>, <c>answer1</c> to <c>answer5</c>.
    /// A row may have fewer candidates.
    /// </summary>
    public IReadOnlyList<string> AnswerWords { get; }

    /// <summary>How many rows the published test set has.</summary>
    public int TestRowCount { get; }

    /// <summary>How often each answer is the right one in the published test set in LLM-Adapters' form; empty where that is not known.</summary>
    public IReadOnlyDictionary<string, int> TestLabelCounts { get; }

    /// <summary>The task that a folder's or a file's name means, whatever its capitals: "ARC-Easy", "arc_easy", "social_i_qa"; null where it means none.</summary>
    /// <param name="name">The name.</param>
    /// <returns>The task or null.</returns>
    public static BenchmarkTask? Find(string name) =>
        All.FirstOrDefault(task => task._folders.Append(task.Name).Contains(name, StringComparer.OrdinalIgnoreCase));

    /// <summary>The name.</summary>
    /// <returns>The name.</returns>
    public override string ToString() => Name;
}
