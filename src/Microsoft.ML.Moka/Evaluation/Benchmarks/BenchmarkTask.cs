using System.Collections.Frozen;
using Microsoft.ML.Moka.Evaluation.Benchmarks;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka;

/// <summary>One of the eight commonsense tasks: its names, its answer words, and what its published test set holds.</summary>
public sealed class BenchmarkTask
{
    private static readonly List<BenchmarkTask> Known = [];

    private readonly string[] _folders;

    /// <summary>A task that is known from now on; tasks are listed in the order in which they stand below.</summary>
    /// <param name="name">The name that papers use.</param>
    /// <param name="folders">What folders and files of it are called.</param>
    /// <param name="words">The answer words.</param>
    /// <param name="testRows">The rows of the published test set.</param>
    /// <param name="testLabels">How often each answer word is the right one there; null where that is not known.</param>
    /// <param name="read">Reads a row in the form of the task's authors.</param>
    /// <param name="instruction">LLM-Adapters' form.</param>
    /// <param name="harness">lm-evaluation-harness' form.</param>
    private BenchmarkTask(
        string name, string[] folders, string[] words, int testRows, int[]? testLabels,
        Func<JsonFields, ChoiceQuestion> read, InstructionForm instruction, HarnessForm harness)
    {
        Name = name;
        AnswerWords = words;
        TestRowCount = testRows;
        TestLabelCounts = testLabels is null ? FrozenDictionary<string, int>.Empty : words.Zip(testLabels).ToFrozenDictionary(p => p.First, p => p.Second);
        _folders = folders;
        (Read, Instruction, Harness) = (read, instruction, harness);
        Known.Add(this);
    }

    /// <summary>BoolQ: a question, true or false. Its rows in LLM-Adapters' form have no passage.</summary>
    public static BenchmarkTask BoolQ { get; } = new("BoolQ", ["boolq"], ["true", "false"], 3270, [2033, 1237],
        RawForm.TrueOrFalse,
        new InstructionForm("Please answer the following question with true or false, question: "),
        new HarnessForm(question => $"{(question.Passage is null ? "" : $"{question.Passage}\n")}Question: {question.Question.TrimEnd('?')}?\nAnswer:")
        {
            Choices = question => [.. question.Choices.Select(choice => choice == "true" ? "yes" : "no")],
            HasNormalized = false,
        });

    /// <summary>PIQA: which of two solutions reaches a goal.</summary>
    public static BenchmarkTask Piqa { get; } = new("PIQA", ["piqa"], Words("solution", 2), 1838, [910, 928],
        row => RawForm.Numbered(row, row.Text("goal"), [row.Text("sol1"), row.Text("sol2")], "label", first: 0),
        new InstructionForm("Please choose the correct solution to the question: ", "Solution", "\n\n"),
        new HarnessForm(HarnessForm.Question));

    /// <summary>Social IQa: what people do, feel and want.</summary>
    public static BenchmarkTask Siqa { get; } = new("SIQA", ["social_i_qa", "social_iqa", "siqa"], Words("answer", 5), 1954, [643, 654, 657, 0, 0],
        row => RawForm.Numbered(
            row, $"{row.Text("context")} {row.Text("question")}", [row.Text("answerA"), row.Text("answerB"), row.Text("answerC")], "label", first: 1),
        new InstructionForm("Please choose the correct answer to the question: ", "Answer"),
        new HarnessForm(question => $"Q: {question.Question}\nA:") { HasNormalized = false });

    /// <summary>HellaSwag: how a description goes on.</summary>
    public static BenchmarkTask HellaSwag { get; } = new("HellaSwag", ["hellaswag"], Words("ending", 4), 10042, null,
        RawForm.Endings,
        new InstructionForm("Please choose the correct ending to complete the given sentence: ", "Ending"),
        new HarnessForm(HarnessForm.Bare));

    /// <summary>WinoGrande: whom or what a blank in a sentence stands for.</summary>
    public static BenchmarkTask WinoGrande { get; } = new("WinoGrande", ["winogrande"], Words("option", 2), 1267, [628, 639],
        row => RawForm.Numbered(row, row.Text("sentence"), [row.Text("option1"), row.Text("option2")], "answer", first: 1),
        new InstructionForm("Please choose the correct answer to fill in the blank to complete the given sentence: ", "Option", Ending: " "),
        new HarnessForm(HarnessForm.Bare) { HasNormalized = false, FillsBlank = true });

    /// <summary>The easy questions of the AI2 Reasoning Challenge. One of the test rows has five answers and the fifth as the right one.</summary>
    public static BenchmarkTask ArcEasy { get; } = new("ARC-e", ["ARC-Easy", "arc_easy", "arc-e"], Words("answer", 5), 2376, [596, 585, 633, 561, 1],
        row => RawForm.Lettered(row, mostChoices: 5),
        new InstructionForm("Please choose the correct answer to the question: ", "Answer"),
        new HarnessForm(HarnessForm.Question));

    /// <summary>The hard questions of the AI2 Reasoning Challenge.</summary>
    public static BenchmarkTask ArcChallenge { get; } =
        new("ARC-c", ["ARC-Challenge", "arc_challenge", "arc-c"], Words("answer", 5), 1172, [266, 311, 310, 285, 0],
        row => RawForm.Lettered(row, mostChoices: 5),
        new InstructionForm("Please choose the correct answer to the question: ", "Answer"),
        new HarnessForm(HarnessForm.Question));

    /// <summary>OpenBookQA.</summary>
    public static BenchmarkTask OpenBookQa { get; } = new("OBQA", ["openbookqa", "obqa"], Words("answer", 5), 500, [138, 126, 132, 104, 0],
        row => RawForm.Lettered(row, mostChoices: 5),
        new InstructionForm("Please choose the correct answer to the question: ", "Answer"),
        new HarnessForm(HarnessForm.Bare));

    /// <summary>The eight, in the order in which papers list them.</summary>
    public static IReadOnlyList<BenchmarkTask> All { get; } = [.. Known];

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

    /// <summary>Reads a row in the form of the task's authors.</summary>
    internal Func<JsonFields, ChoiceQuestion> Read { get; }

    /// <summary>LLM-Adapters' form.</summary>
    internal InstructionForm Instruction { get; }

    /// <summary>lm-evaluation-harness' form.</summary>
    internal HarnessForm Harness { get; }

    /// <summary>
    /// The task that a folder's or a file's name means, whatever its capitals, blanks and dashes: "ARC-Easy", "arc_easy", "social_i_qa"; null where it means
    /// none.
    /// </summary>
    /// <param name="name">The name.</param>
    /// <returns>The task or null.</returns>
    public static BenchmarkTask? Find(string name) =>
        All.FirstOrDefault(task => task._folders.Append(task.Name).Any(known => TaskName.Plain(known) == TaskName.Plain(name)));

    /// <summary>The name.</summary>
    /// <returns>The name.</returns>
    public override string ToString() => Name;

    /// <summary>"answer1", "answer2" …</summary>
    private static string[] Words(string word, int count) => [.. Enumerable.Range(1, count).Select(i => $"{word}{i}")];
}
