using Microsoft.ML.Data;
using Microsoft.ML.Moka.DataViews.Rows;

namespace Microsoft.ML.Moka.Generation;

/// <summary>The generated text.</summary>
/// <param name="name">The column.</param>
/// <param name="generate">Generates the texts of rows, and says how many prompts were too long.</param>
internal sealed class TextColumns(
    string name, Func<IReadOnlyList<PositionedRow>, (IReadOnlyList<GeneratedAnswer> Answers, int CutPrompts)> generate) : AddedColumns
{
    public override string Work => "Generation";

    // A text takes long: who asks for the first rows only must not wait for many others.
    public override int FirstBlock(long? rowCount) => 1;

    public override int LargestBlock => 32;

    public override DataViewSchema AddTo(DataViewSchema input)
    {
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(input);
        builder.AddColumn(name, TextDataViewType.Instance);
        return builder.ToSchema();
    }

    public override RowBlock NewBlock() => new Block(generate);

    private sealed class Block(Func<IReadOnlyList<PositionedRow>, (IReadOnlyList<GeneratedAnswer> Answers, int CutPrompts)> generate) : RowBlock
    {
        private IReadOnlyList<GeneratedAnswer> _answers = [];
        private long _cutPrompts;
        private long _blankTexts;

        public override IEnumerable<string> Warnings
        {
            get
            {
                if (_cutPrompts > 0)
                    yield return $"Prompts that were too long and lost their beginning: {_cutPrompts}.";
                if (_blankTexts > 0)
                    yield return $"Rows whose instruction is blank, so that nothing was asked: {_blankTexts}.";
            }
        }

        public override void Compute(IReadOnlyList<PositionedRow> rows)
        {
            (_answers, var cutPrompts) = generate(rows);
            _cutPrompts += cutPrompts;
            _blankTexts += rows.Count(row => row.Prompt.IsBlank);
        }

        public override Delegate Getter(int added, Func<int> slot) =>
            (ValueGetter<ReadOnlyMemory<char>>)((ref ReadOnlyMemory<char> value) => value = Text(slot()));

        private ReadOnlyMemory<char> Text(int slot) => _answers[slot].Text.AsMemory();
    }
}
