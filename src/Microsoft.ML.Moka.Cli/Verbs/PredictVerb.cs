using System.CommandLine;
using Microsoft.ML.Moka.Cli.Data;
using Microsoft.ML.Moka.Cli.Options;

namespace Microsoft.ML.Moka.Cli.Verbs;

/// <summary>moka predict: the labels of texts, and how likely each is.</summary>
internal sealed class PredictVerb
{
    private const int Shown = 3;
    private const int LongestText = 60;

    private readonly Terminal _terminal;
    private readonly Argument<string?> _text = new("text")
    {
        Description = "The text. [default: what comes in on standard input, a text each line]",
        Arity = ArgumentArity.ZeroOrOne,
    };
    private readonly Option<FileInfo> _model = new("--model", "-m")
    {
        Description = "A model that was trained to classify.",
        Required = true,
        HelpName = "model.zip",
    };
    private readonly Option<FileInfo?> _file = new("--file")
    {
        Description = "A file of texts: CSV, TSV, JSON, JSON lines or Parquet; or a folder of Hugging Face's, whose test split is meant.",
        HelpName = "file|folder",
    };
    private readonly Option<string?> _column = new("--text-column")
    {
        Description = "The column of texts in --file. [default: text, or the only one beside label]",
        HelpName = "name",
    };
    private readonly Option<int?> _top = new Option<int?>("--top")
    {
        Description = "How many labels of a text are told, the likeliest first. [default: 3; all in JSON]",
        HelpName = "number",
    }.Within(1, int.MaxValue);
    private readonly Option<FileInfo?> _output = new("--output", "-o")
    {
        Description = "A file for the rows with their labels and the scores of all labels: .csv or .tsv.",
        HelpName = "scored.csv",
    };
    private readonly Option<bool> _json = CommonOptions.Json();

    private PredictVerb(Terminal terminal) => _terminal = terminal;

    public static CliCommand Create(Terminal terminal)
    {
        var verb = new PredictVerb(terminal);
        var command = new CliCommand("predict",
            """
            Tells the labels of texts, and how likely each is: of one text, of a file, or of what comes in on standard input.

              moka predict "The chain slips." --model tickets.zip
              moka predict --file new.csv --model tickets.zip --output scored.csv
            """)
        {
            verb._text, verb._model, verb._file, verb._column, verb._top, verb._output, verb._json,
        };
        command.SetAction((parsed, cancellation) => Task.Run(() => verb.RunAsync(parsed, cancellation), CancellationToken.None));
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        Check(parsed);
        var (table, column) = await ReadAsync(parsed, cancellation);
        using var loaded = LoadedModel.Open(Context.Create(_terminal), parsed.GetValue(_model)!.ToString());
        if (loaded.Model is not MokaTransformer model)
            throw new UsageException($"'{parsed.GetValue(_model)}' writes text: use moka generate.");
        var texts = table.Rows.Select(row => row.Values[column] ?? "").ToList();
        var scores = Predictions.Of(loaded, texts, cancellation);
        if (parsed.GetValue(_output) is { } output)
            ScoredFile.Write(output.FullName, table, model.Labels, scores);
        if (parsed.GetValue(_json))
            Json.Write(_terminal.Out, texts.Zip(scores, (text, row) => Prediction(text, model.Labels, row, parsed.GetValue(_top))).ToArray());
        else if (parsed.GetValue(_output) is { } written)
            _terminal.Out.WriteLine(FormattableString.Invariant($"Wrote {written}: {texts.Count:N0} rows."));
        else
            Tell(texts, model.Labels, scores, parsed.GetValue(_top) ?? Shown);
        return ExitCode.Success;
    }

    private void Check(ParseResult parsed)
    {
        if (parsed.GetValue(_text) is { } text && (parsed.GetValue(_file) is not null || string.IsNullOrWhiteSpace(text)))
            throw new UsageException(string.IsNullOrWhiteSpace(text) ? "The text is empty." : "There are two sources of texts: leave out the text or --file.");
        if (parsed.GetValue(_file) is null && parsed.GetValue(_column) is not null)
            throw new UsageException("--text-column names a column of a file: it needs --file.");
        if (parsed.GetValue(_output) is { } output)
            ScoredFile.Check(output.ToString());
    }

    private async Task<(Table Table, int Column)> ReadAsync(ParseResult parsed, CancellationToken cancellation)
    {
        if (parsed.GetValue(_file) is { } file)
        {
            var table = TableReader.Read(file.ToString(), "test");
            return (table, ColumnOf(table, parsed.GetValue(_column)));
        }
        List<string> texts = [];
        if (parsed.GetValue(_text) is { } text)
            texts.Add(text);
        else if (!_terminal.IsInputRedirected)
            _terminal.Error.WriteLine("Type texts, a line each, and end them with Ctrl+D (Ctrl+Z on Windows).");
        while (parsed.GetValue(_text) is null && await _terminal.ReadLineAsync(cancellation) is { } line)
        {
            if (!string.IsNullOrWhiteSpace(line))
                texts.Add(line);
        }
        return texts.Count > 0
            ? (new Table("standard input", ["text"], [.. texts.Select((one, i) => new TableRow(i + 1, [one]))], new TableFormat(',')), 0)
            : throw new UsageException("There is no text: give it as an argument, in --file, or on standard input.");
    }

    private int ColumnOf(Table table, string? name)
    {
        if (name is null && table.Find("text") is null)
        {
            var others = Enumerable.Range(0, table.Columns.Count).Where(place => place != table.Find("label")).ToList();
            if (others is [var only])
                return only;
        }
        return table.Require(name, _column.Name, "text");
    }

    private void Tell(List<string> texts, IReadOnlyList<string> labels, IReadOnlyList<float[]> scores, int top)
    {
        for (var i = 0; i < texts.Count; i++)
        {
            var best = Best(labels, scores[i], top).Select(label => FormattableString.Invariant($"{label.Name} {100 * label.Score:0.0} %"));
            _terminal.Out.WriteLine(texts.Count == 1 ? string.Join(Environment.NewLine, best) : $"{string.Join(", ", best)}\t{OneLine(texts[i])}");
        }
    }

    private static PredictedText Prediction(string text, IReadOnlyList<string> labels, float[] scores, int? top)
    {
        var best = Best(labels, scores, top ?? labels.Count).ToList();
        return new PredictedText(text, best[0].Name, best[0].Score, [.. best.Select(label => new LabelScore(label.Name, label.Score))]);
    }

    private static IEnumerable<(string Name, float Score)> Best(IReadOnlyList<string> labels, float[] scores, int count) =>
        labels.Zip(scores).OrderByDescending(label => label.Second).Take(count);

    private static string OneLine(string text)
    {
        var line = string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return line.Length <= LongestText ? line : line[..(LongestText - 1)] + "…";
    }
}

/// <summary>A text's labels for scripts.</summary>
internal sealed record PredictedText(string Text, string Label, float Probability, IReadOnlyList<LabelScore> Labels);

/// <summary>One of them.</summary>
internal sealed record LabelScore(string Label, float Probability);
