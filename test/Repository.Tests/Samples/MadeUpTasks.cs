using System.Text.Json;

namespace Microsoft.ML.Moka.Tests.Samples;

/// <summary>A few rows in the files that samples/RealBackbone reads.</summary>
internal static class MadeUpTasks
{
    public static void WriteTexts(string folder)
    {
        string[] intents = ["card_arrival", "lost_or_stolen_card", "pin_blocked"];
        string[] texts = ["Where is my card?", "\"My card\nis gone, \"\"stolen\"\"\"", "I forgot my PIN"];
        var banking = Directory.CreateDirectory(Path.Combine(folder, "text/banking77")).FullName;
        foreach (var file in new[] { "train-10-each.csv", "test-10-each.csv" })
            Write(Path.Combine(banking, file), "text,category", 12, i => $"{texts[i % 3]},{intents[i % 3]}");
        foreach (var (name, header, labels) in new[]
                 {
                     ("sms-spam", "label\ttext", new[] { "ham", "spam" }), ("corefx-issues", "area\ttitle", ["area-System.IO", "area-System.Net"]),
                 })
        {
            var path = Directory.CreateDirectory(Path.Combine(folder, $"text/{name}")).FullName;
            foreach (var file in new[] { "train.tsv", "test.tsv" })
                Write(Path.Combine(path, file), header, 8, i => $"{labels[i % 2]}\t\"Text {i} of {labels[i % 2]}");
        }

        static void Write(string path, string header, int rows, Func<int, string> row) =>
            File.WriteAllLines(path, [header, .. Enumerable.Range(0, rows).Select(row)]);
    }

    public static void WriteQuestions(string folder, string task)
    {
        var path = Directory.CreateDirectory(Path.Combine(folder, $"benchmarks/{task}")).FullName;
        foreach (var file in new[] { "train.json", "test.json" })
        {
            File.WriteAllText(Path.Combine(path, file), JsonSerializer.Serialize(Enumerable.Range(0, 10).Select(i => task == "boolq"
                ? Row(
                    $"Please answer the following question with true or false, question: is thing {i} red?\n\nAnswer format: true/false",
                    i % 2 == 0 ? "true" : "false")
                : Row(
                    $"Please choose the correct answer to the question: What is thing {i}?\n\n" +
                    $"Answer1: a cat Answer2: a dog {i}\n\nAnswer format: answer1/answer2",
                    i % 2 == 0 ? "answer1" : "answer2"))));
        }

        static object Row(string instruction, string answer) => new { instruction, input = "", output = $"the correct answer is {answer}", answer };
    }
}
