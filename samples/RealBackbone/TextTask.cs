using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealBackbone;

/// <summary>Texts with a label, in files as they were published.</summary>
/// <param name="Name">The name on the command line.</param>
/// <param name="TrainFile">The rows to tune on, below the data folder.</param>
/// <param name="TestFile">The rows to score.</param>
/// <param name="Prompt">What the model reads; a blank and the label follow.</param>
/// <param name="Epochs">How often training sees each row by default.</param>
/// <param name="HeadEpochs">The same by adapter, where a head tells the labels; as often as without one if not given.</param>
internal sealed record TextTask(
    string Name, string TrainFile, string TestFile, string Prompt, int Epochs, IReadOnlyDictionary<string, int>? HeadEpochs = null)
{
    private const string IntentPrompt = "{text}\nIntent:";

    /// <summary>Whether the columns are text and label, not label and text.</summary>
    private bool TextIsFirst { get; init; }

    private static readonly Dictionary<string, int> FewExamplesEpochs = new() { ["lora"] = 10, ["moka"] = 6 };

    public static IReadOnlyList<TextTask> All { get; } =
    [
        new("banking77-10", "text/banking77/train-10-each.csv", "text/banking77/test-10-each.csv", IntentPrompt, Epochs: 8, FewExamplesEpochs)
        {
            TextIsFirst = true,
        },
        new("banking77-10-all", "text/banking77/train-10-each.csv", "text/banking77/test.csv", IntentPrompt, Epochs: 8, FewExamplesEpochs)
        {
            TextIsFirst = true,
        },
        new("banking77", "text/banking77/train.csv", "text/banking77/test.csv", IntentPrompt, Epochs: 3) { TextIsFirst = true },
        new("spam", "text/sms-spam/train.tsv", "text/sms-spam/test.tsv", "{text}\nKind:", Epochs: 2),
        new("issues", "text/corefx-issues/train.tsv", "text/corefx-issues/test.tsv", "{text}\nArea:", Epochs: 5),
    ];

    public IDataView Load(MLContext mlContext, string data, string file)
    {
        var path = Path.Combine(data, file);
        if (!File.Exists(path))
            throw new FileNotFoundException($"There is no file '{path}': --data names the folder that '{file}' is below.", path);
        // In the CSV files a text in quotes may go over several lines; in the others a quote is a character like any other.
        var isCsv = Path.GetExtension(file) == ".csv";
        return mlContext.Data.LoadFromTextFile(path, new TextLoader.Options
        {
            HasHeader = true,
            Separators = [isCsv ? ',' : '\t'],
            AllowQuoting = isCsv,
            ReadMultilines = isCsv,
            Columns =
            [
                new TextLoader.Column(nameof(TextRow.Text), DataKind.String, TextIsFirst ? 0 : 1),
                new TextLoader.Column(nameof(TextRow.Answer), DataKind.String, TextIsFirst ? 1 : 0),
            ],
        });
    }
}

/// <summary>A row of such a file.</summary>
internal sealed class TextRow
{
    public string Text { get; set; } = "";

    public string Answer { get; set; } = "";
}

/// <summary>A row of the test file with what a model says of it.</summary>
internal sealed class ScoredRow
{
    public string Answer { get; set; } = "";

    public string Predicted { get; set; } = "";

    /// <summary>The probability of each label.</summary>
    public float[] Score { get; set; } = [];
}
