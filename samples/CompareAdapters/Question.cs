using EverydayWorld;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace CompareAdapters;

/// <summary>A row: a text and the word that answers it.</summary>
internal sealed class Question
{
    [LoadColumn(0)]
    public string Text { get; set; } = "";

    [LoadColumn(1)]
    public string Label { get; set; } = "";
}

/// <summary>What is tuned on, what learning rates are chosen by, and what is reported on.</summary>
/// <param name="Train">Rows to tune on.</param>
/// <param name="Test">Rows that nothing but the report sees.</param>
internal sealed record Questions(IReadOnlyList<Question> Train, IReadOnlyList<Question> Test)
{
    /// <summary>The part of the training rows that learning rates are chosen by; the choice trains on the others.</summary>
    public const double ValidationShare = 0.25;

    /// <summary>
    /// Whether the questions are to be remembered, and there is nothing to be told of those that were not trained on: all rows are one, learning rates are
    /// chosen by it too, and what is compared is how much of it a method takes in.
    /// </summary>
    public bool IsMemory { get; init; }

    public IReadOnlyList<Question> Fitting => IsMemory ? Train : [.. Train.Take(Train.Count - ValidationCount)];

    public IReadOnlyList<Question> Validation => IsMemory ? Train : [.. Train.TakeLast(ValidationCount)];

    /// <summary>All answer words, also those that a part of the rows lacks.</summary>
    public IReadOnlyList<string> Words => [.. Train.Concat(Test).Select(question => question.Label).Distinct()];

    /// <summary>The accuracy of always giving the most frequent answer of the test rows.</summary>
    public double Majority => Test.CountBy(question => question.Label).Max(count => count.Value) / (double)Test.Count;

    private int ValidationCount => Math.Max(1, (int)(Train.Count * ValidationShare));

    /// <summary>
    /// Questions in BoolQ's form about a small world that the embedded backbone has read about; things that the test asks about were never asked about in
    /// training. The backbone knows the facts, and has to learn to judge statements with true and false.
    /// </summary>
    public static Questions OfEverydayWorld()
    {
        var world = new World();
        return new Questions(About(Part.Training, 400, seed: 1), About(Part.Test, 200, seed: 2));

        List<Question> About(Part part, int count, int seed) =>
            [.. new BenchmarkQuestions(world, part).Rows(BenchmarkForm.BoolQ, count, seed)
                .Select(row => new Question { Text = row.Instruction, Label = row.Answer })];
    }

    /// <summary>
    /// Facts that have nothing to do with each other: made-up names, each with one of eight colours by the dice. No fact helps with another, so that an update
    /// has to hold each of them: what is made to need rank.
    /// </summary>
    public static Questions OfFacts(int count)
    {
        string[] colours = ["red", "blue", "green", "black", "white", "brown", "yellow", "grey"];
        var random = new Random(3);
        var names = new HashSet<string>(StringComparer.Ordinal);
        while (names.Count < count)
            names.Add(string.Concat(Enumerable.Range(0, 3).Select(_ => Syllable())));
        // Every colour as often as the others.
        var dealt = Enumerable.Range(0, count).Select(i => colours[i % colours.Length]).ToArray();
        random.Shuffle(dealt);
        List<Question> facts = [.. names.Zip(dealt, (name, colour) => new Question { Text = $"Which colour has {name}?", Label = colour })];
        return new Questions(facts, facts) { IsMemory = true };

        string Syllable() => $"{"bdfgklmnprstv"[random.Next(13)]}{"aeiou"[random.Next(5)]}";
    }

    /// <summary>Text files with a header and two columns, text and label, separated by tabs.</summary>
    public static Questions Read(FileInfo train, FileInfo test)
    {
        return new Questions(Rows(train), Rows(test));

        static List<Question> Rows(FileInfo file)
        {
            if (!file.Exists)
                throw new FileNotFoundException($"There is no file '{file.FullName}'.");
            var data = new MLContext().Data;
            var rows = data.CreateEnumerable<Question>(data.LoadFromTextFile<Question>(file.FullName, hasHeader: true), reuseRowObject: false).ToList();
            return rows.Count >= 4
                ? rows
                : throw new InvalidDataException($"'{file.FullName}' has {rows.Count} rows of text and label; at least 4 are needed.");
        }
    }
}
