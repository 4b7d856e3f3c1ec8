using System.Text;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Evaluation.Benchmarks;

/// <summary>
/// Reads MMLU's CSV files, question, four choices and answer, into lm-evaluation-harness' prompts. With a header, columns are found by name; an answer is a
/// letter, or a number counted from 0.
/// </summary>
internal static class MmluFile
{
    private static readonly string[] Letters = ["A", "B", "C", "D"];
    private static readonly string[] AnswerNames = ["answer", "target", "label"];

    /// <summary>"high_school_physics_test.csv" is about "high school physics".</summary>
    public static string SubjectOf(string path)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        foreach (var ending in new[] { "_test", "_dev", "_val", "_validation" })
            if (name.EndsWith(ending, StringComparison.OrdinalIgnoreCase))
                name = name[..^ending.Length];
        return name.Replace('_', ' ');
    }

    /// <summary>What stands before each question: the subject, and questions with their answers.</summary>
    /// <param name="subject">The subject.</param>
    /// <param name="examplesPath">The file of examples (MMLU's dev set); may be null where there are none.</param>
    /// <param name="shots">How many examples.</param>
    public static string Opening(string subject, string? examplesPath, int shots)
    {
        var text = new StringBuilder($"The following are multiple choice questions (with answers) about {subject}.\n\n");
        if (shots == 0)
            return text.ToString();
        var examples =
            ReadQuestions(examplesPath
                ?? throw new ArgumentException($"{shots} examples are wanted, and there is no file of them for {subject}.", nameof(examplesPath))).Take(shots)
                    .ToList();
        if (examples.Count < shots)
            throw new InvalidDataException($"{examplesPath} has {examples.Count} examples; {shots} are wanted.");
        foreach (var (question, answer) in examples)
            text.Append(question).Append(' ').Append(Letters[answer]).Append("\n\n");
        return text.ToString();
    }

    /// <summary>The questions, each after <paramref name="opening"/>.</summary>
    public static IEnumerable<ChoiceRow> Read(string path, string subject, string opening)
    {
        foreach (var (question, answer) in ReadQuestions(path))
            yield return new ChoiceRow { Task = subject, Text = opening + question, Candidates = [.. Letters], Label = Letters[answer], LabelIndex = answer };
    }

    private static IEnumerable<(string Question, int Answer)> ReadQuestions(string path)
    {
        int[]? columns = null;
        foreach (var record in CsvRecords.Read(path))
        {
            if (columns is null)
            {
                columns = Header(record);
                if (columns is not null)
                    continue;
                columns = [0, 1, 2, 3, 4, 5];
            }
            if (record.Fields.Length <= columns.Max())
                throw record.Error($"a question, four choices and an answer are needed; found {record.Fields.Length} fields");
            var text = new StringBuilder(record.Fields[columns[0]].Trim());
            for (var i = 0; i < Letters.Length; i++)
                text.Append('\n').Append(Letters[i]).Append(". ").Append(record.Fields[columns[i + 1]]);
            yield return (text.Append("\nAnswer:").ToString(),
                AnswerOf(record.Fields[columns[5]]) ?? throw record.Error($"the answer must be A, B, C or D, or 0 to 3; found '{record.Fields[columns[5]]}'"));
        }
    }

    /// <summary>The places of question, choices and answer; null where the record is no header.</summary>
    private static int[]? Header(CsvRecord record)
    {
        var names = Array.ConvertAll(record.Fields, field => field.Trim());
        var question = Find("question");
        if (question < 0)
            return null;
        int[] columns = [question, .. Letters.Select(Find), AnswerNames.Select(Find).FirstOrDefault(place => place >= 0, -1)];
        return columns.Min() >= 0
            ? columns
            : throw record.Error("a header must name the columns question, A, B, C, D and answer");

        int Find(string name) => Array.FindIndex(names, n => n.Equals(name, StringComparison.OrdinalIgnoreCase));
    }

    private static int? AnswerOf(string text)
    {
        text = text.Trim();
        var place = Array.FindIndex(Letters, letter => letter.Equals(text, StringComparison.OrdinalIgnoreCase));
        return place >= 0 ? place : text is ['0' or '1' or '2' or '3'] ? text[0] - '0' : null;
    }
}
