using System.Text;
using EverydayWorld;

namespace Microsoft.ML.Moka.Notebook;

/// <summary>The notebook's data: true-or-false questions about the little world that the embedded backbone has read about.</summary>
internal static class DataFiles
{
    private const string BeforeQuestion = "question: ";

    public static IEnumerable<(string Name, string Text)> Make()
    {
        var world = new World();
        yield return ("train.tsv", Write(new BenchmarkQuestions(world, Part.Training).Rows(BenchmarkForm.BoolQ, 400, 1)));
        yield return ("test.tsv", Write(new BenchmarkQuestions(world, Part.Test).Rows(BenchmarkForm.BoolQ, 200, 1)));
    }

    private static string Write(IReadOnlyList<EverydayWorld.BenchmarkRow> rows)
    {
        var text = new StringBuilder("Text\tLabel\n");
        foreach (var row in rows)
            text.Append($"{Question(row.Instruction)}\t{row.Answer}\n");
        return text.ToString();
    }

    /// <summary>"Please answer the following question with true or false, question: …" and the answer format frame the question itself.</summary>
    private static string Question(string instruction)
    {
        var start = instruction.IndexOf(BeforeQuestion, StringComparison.Ordinal) + BeforeQuestion.Length;
        return instruction[start..instruction.IndexOf('\n', start)];
    }
}
