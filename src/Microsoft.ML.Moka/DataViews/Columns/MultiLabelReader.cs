using System.Globalization;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>Rows with any number of labels that a head is to tell. On their way the labels are a text that stands for the outputs' numbers.</summary>
internal sealed class MultiLabelReader(InputColumns inputs, string labelName, IReadOnlyList<string> labels, RowEncoder encoder)
    : ExampleReader(inputs, "label", labelName, [], trainOnPrompt: false)
{
    private const string Training = "training";
    private const char Separator = ',';
    private const int Shown = 3;

    private readonly Dictionary<string, int> _outputs = labels.Select((label, output) => (label, output)).ToDictionary(StringComparer.Ordinal);
    private readonly int[] _counts = new int[labels.Count];
    private int _rows;
    private int _without;
    private float[]? _weights;

    /// <summary>How much the labels count where they apply; null where all count as much as where they do not.</summary>
    public ClassWeights? ClassWeights { get; init; }

    protected override TrainingRow Encode(PromptRow prompt, string answer)
    {
        var (ids, isCut) = encoder.ForReading(prompt);
        return new TrainingRow(ids, ids.Length, isCut);
    }

    protected override TrainingExample Learn(TrainingRow row, string answer) => new(row.Ids, HeadTarget.Of(OutputsOf(answer)));

    /// <summary>A validation set's labels weigh what they weigh in the training set, which is read first.</summary>
    protected override IReadOnlyList<TrainingExample> Weigh(IReadOnlyList<TrainingExample> examples, IReadOnlyList<string> answers, string role)
    {
        if (ClassWeights is null)
            return examples;
        _weights ??= ClassWeights.OfApplying(labels, examples.Select(example => (example.Label!.Value.Applying!, example.Weight)));
        return [.. examples.Select(example => example.With(Weighed(example.Label!.Value.Applying!)))];
    }

    protected override void Notice(PromptRow prompt, string answer)
    {
        var outputs = OutputsOf(answer);
        _rows++;
        _without += outputs.Count == 0 ? 1 : 0;
        foreach (var output in outputs)
            _counts[output]++;
    }

    protected override void Remark(IChannel channel, string role)
    {
        if (role != Training)
            return;
        channel.Info(MessageSensitivity.None, FormattableString.Invariant(
            $"{labels.Count} labels, {(double)_counts.Sum() / _rows:0.00} a row; {_without} of {_rows} rows have none."));
        Warn(channel, count => count == 0, "occur in no row of the training set, and cannot be learned");
        Warn(channel, count => count == 1, "occur in one row of the training set only");
        Warn(channel, count => count == _rows, "apply to all rows of the training set, so that nothing tells when they do not");
    }

    protected override Func<string?> AnswerReader(DataViewRowCursor cursor, DataViewSchema.Column answer, string role)
    {
        var reader = LabelVector.Reader(cursor, LabelVector.In(cursor.Schema, answer.Name, role));
        return () => reader() is { } found
            ? string.Join(
                Separator,
                found.Select(label => OutputOf(label, cursor.Position, role)).Order().Select(output => output.ToString(CultureInfo.InvariantCulture)))
            : null;
    }

    private static IReadOnlyList<int> OutputsOf(string answer) =>
        [.. answer.Split(Separator, StringSplitOptions.RemoveEmptyEntries).Select(output => int.Parse(output, CultureInfo.InvariantCulture))];

    private HeadTarget Weighed(IReadOnlyList<int> outputs) => HeadTarget.Of(outputs, [.. outputs.Select(output => _weights![output])]);

    private int OutputOf(string label, long row, string role) => _outputs.TryGetValue(label, out var output) ? output : throw new InvalidOperationException(
        $"Row {row} of the {role} set has the label '{label}', which no row of the training set has. There are '{string.Join("', '", labels.Take(20))}'.");

    private void Warn(IChannel channel, Func<int, bool> isOdd, string what)
    {
        List<string> odd = [.. labels.Where((_, output) => isOdd(_counts[output]))];
        if (odd.Count > 0)
            channel.Warning(MessageSensitivity.None,
                $"{odd.Count} of {labels.Count} labels {what}: {string.Join(", ", odd.Take(Shown).Select(label => $"'{label}'"))}"
                + $"{(odd.Count > Shown ? " …" : "")}.");
    }
}
