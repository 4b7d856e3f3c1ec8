using System.CommandLine;
using System.Text;
using Microsoft.ML.Data;
using Microsoft.ML.Moka.Cli.Data;
using Microsoft.ML.Moka.Cli.Options;

namespace Microsoft.ML.Moka.Cli.Verbs;

/// <summary>moka predict: the labels of texts, and how likely each is; or the number that a regression tells.</summary>
internal sealed class PredictVerb
{
    private const int LongestText = 60;

    private readonly Terminal _terminal;
    private readonly Argument<string?> _text = new("text")
    {
        Description = "The text. [default: what comes in on standard input, a text each line; a JSON object each for a model that reads several columns]",
        Arity = ArgumentArity.ZeroOrOne,
    };
    private readonly Option<FileInfo> _model = new("--model", "-m")
    {
        Description = "A model that tells labels, one of a text or any number of them (--multi-label), or a program's regression.",
        Required = true,
        HelpName = "model.zip",
    };
    private readonly Option<FileInfo?> _file = new("--file")
    {
        Description = "A file of texts: CSV, TSV, JSON, JSON lines or Parquet; or a folder of Hugging Face's, whose test split is meant.",
        HelpName = "file|folder",
    };
    private readonly Option<string?> _row = new("--row")
    {
        Description = "A row by the columns that the model reads, as JSON: '{\"City\": \"Bern\", \"Price\": 12.5}'; or a list of such rows.",
        HelpName = "json",
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
        Description = "A file for the rows with their labels and the probabilities of all labels, or with their Score: .csv or .tsv.",
        HelpName = "scored.csv",
    };
    private readonly Option<bool> _json = CommonOptions.Json();

    private PredictVerb(Terminal terminal) => _terminal = terminal;

    public static CliCommand Create(Terminal terminal)
    {
        var verb = new PredictVerb(terminal);
        var command = new CliCommand("predict",
            """
            Tells the labels of texts or rows, and how likely each is, or the number that a program's regression tells: of one, of a file, or of what comes in
            on standard input.

              moka predict "The chain slips." --model tickets.zip
              moka predict --row '{"City": "Bern", "Price": 950000, "Text": "Near the river."}' --model homes.zip
              moka predict --file new.csv --model tickets.zip --output scored.csv
            """)
        {
            verb._text, verb._model, verb._row, verb._file, verb._column, verb._top, verb._output, verb._json,
        };
        command.SetAction((parsed, cancellation) => Task.Run(() => verb.RunAsync(parsed, cancellation), CancellationToken.None));
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        Check(parsed);
        var context = Context.Create(_terminal);
        using var loaded = LoadedModel.Open(_terminal, context, parsed.GetValue(_model)!.ToString());
        RequirePredicting(parsed, loaded.Model);
        var input = ModelInput.Of(loaded);
        var table = await ReadAsync(parsed, input, cancellation);
        var places = input.PlacesIn(table, parsed.GetValue(_column), _column.Name, isByName: parsed.GetValue(_row) is not null);
        if (parsed.GetValue(_output) is { } file)
            ScoredFile.Require(file.ToString(), table, loaded.Model is MokaRegressionTransformer
                ? new PredictedNumbers([])
                : new PredictedLabels(LabelsOf(loaded.Model), [], null));
        var view = input.View(table, places, []);
        var found = loaded.Model is MokaRegressionTransformer
            ? new PredictedNumbers(ReadAll(Scores(loaded.Transformer, view), table.Rows.Count, cancellation))
            : (IPredictions)new PredictedLabels(
                LabelsOf(loaded.Model), ReadAll(context.Model.PredictAllLabels(loaded.Transformer, view), table.Rows.Count, cancellation),
                parsed.GetValue(_top));
        List<IReadOnlyList<string>> rows = [.. table.Rows.Select(row => (IReadOnlyList<string>)[.. places.Select(place => row.Values[place] ?? "")])];
        if (parsed.GetValue(_output) is { } output)
            ScoredFile.Write(output.FullName, table, found);
        if (parsed.GetValue(_json))
            found.WriteJson(_terminal.Out, rows.ConvertAll(row => PredictedRow.Of(row, input)));
        else if (parsed.GetValue(_output) is { } written)
            _terminal.Out.WriteLine(FormattableString.Invariant($"Wrote {written}: {table.Rows.Count:N0} row{(table.Rows.Count == 1 ? "" : "s")}."));
        else
            Tell(rows, found);
        return ExitCode.Success;
    }

    private static IEnumerable<float> Scores(ITransformer model, IDataView rows)
    {
        var scored = model.Transform(rows);
        return scored.GetColumn<float>(ModelInput.ScoreIn(scored.Schema)!.Value);
    }

    private List<T> ReadAll<T>(IEnumerable<T> predictions, int count, CancellationToken cancellation) =>
        ProgressDisplay.Run(_terminal, "Predicting", hasLines: false, display =>
        {
            var all = new List<T>();
            foreach (var prediction in predictions)
            {
                cancellation.ThrowIfCancellationRequested();
                all.Add(prediction);
                display.Show((double)all.Count / count, FormattableString.Invariant($"{all.Count:N0} of {count:N0}"));
            }
            return all;
        });

    private void RequirePredicting(ParseResult parsed, MokaModel model)
    {
        var path = parsed.GetValue(_model)!;
        switch (model)
        {
            case MokaRegressionTransformer when parsed.GetValue(_top) is not null:
                throw new UsageException($"{_top.Name} is for labels, and '{path}' tells a number: leave it out.");
            case MokaTransformer or MokaMultiLabelTransformer or MokaBinaryTransformer or MokaRegressionTransformer:
                return;
            case MokaTextGenerator:
                throw new UsageException($"'{path}' writes text: use moka generate.");
            default:
                throw new UsageException($"'{path}' tells neither labels nor a number: use it from a program.");
        }
    }

    private static ToldLabels LabelsOf(MokaModel model) => model switch
    {
        MokaTransformer one => new ToldLabels(one.Labels, null),
        MokaMultiLabelTransformer several => new ToldLabels(several.Labels, several.Threshold),
        _ => new ToldLabels(["true", "false"], null),
    };

    private void Check(ParseResult parsed)
    {
        if (parsed.GetValue(_text) is { } text && string.IsNullOrWhiteSpace(text))
            throw new UsageException("The text is empty.");
        if (new[] { parsed.GetValue(_text) is not null, parsed.GetValue(_row) is not null, parsed.GetValue(_file) is not null }.Count(given => given) > 1)
            throw new UsageException("There are two sources of texts: give the text, --row or --file.");
        if (parsed.GetValue(_file) is null && parsed.GetValue(_column) is not null)
            throw new UsageException("--text-column names a column of a file: it needs --file.");
        if (parsed.GetValue(_output) is { } output)
            ScoredFile.Check(output.ToString());
    }

    private async Task<Table> ReadAsync(ParseResult parsed, ModelInput input, CancellationToken cancellation)
    {
        if (parsed.GetValue(_file) is { } file)
            return TableReader.Read(file.ToString(), "test");
        if (parsed.GetValue(_row) is { } row)
            return RowsOf(row, _row.Name);
        if (parsed.GetValue(_text) is { } text)
            return input.IsText ? TextsOf([text]) : throw new UsageException(
                $"The model reads the columns {ModelInput.Quoted(input.Names)}, and a text is one: give a row with {_row.Name} '{input.Example}', or a file "
                + $"with {_file.Name}.");
        if (!_terminal.IsInputRedirected)
            _terminal.Error.WriteLine(
                $"Type {(input.IsText ? "texts, a line each" : $"rows, {input.Example} each")}, and end them with Ctrl+D (Ctrl+Z on Windows).");
        List<string> lines = [];
        var blank = 0;
        while (await _terminal.ReadLineAsync(cancellation) is { } line)
        {
            if (string.IsNullOrWhiteSpace(line))
                blank++;
            else
                lines.Add(line);
        }
        if (blank > 0 && lines.Count > 0)
            _terminal.Tell(FormattableString.Invariant($"Left out {blank:N0} blank line{(blank == 1 ? "" : "s")} of standard input."));
        return lines.Count == 0
            ? throw new UsageException($"There is no text: give it as an argument, in {_row.Name}, in {_file.Name}, or on standard input.")
            : input.IsText ? TextsOf(lines) : RowsOf(string.Join('\n', lines), "standard input");
    }

    private static Table TextsOf(List<string> texts) =>
        new("the text", ["text"], [.. texts.Select((one, i) => new TableRow(i + 1, [one]))], new TableFormat(','));

    private static Table RowsOf(string json, string source) => JsonTable.Read(source, Encoding.UTF8.GetBytes(json)) is { Rows.Count: > 0 } table
        ? table
        : throw new UsageException($"{source} has no row.");

    private void Tell(List<IReadOnlyList<string>> rows, IPredictions found)
    {
        foreach (var line in rows.Count == 1
            ? found.Alone()
            : rows.Select((row, i) => $"{found.OneOfSeveral(i)}\t{OneLine(string.Join(", ", row))}"))
            _terminal.Out.WriteLine(line);
    }

    private static string OneLine(string text)
    {
        var line = string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return line.Length <= LongestText ? line : line[..(LongestText - 1)] + "…";
    }
}
