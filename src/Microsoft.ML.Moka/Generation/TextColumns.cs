using Microsoft.ML.Data;
using Microsoft.ML.Moka.DataViews.Rows;

namespace Microsoft.ML.Moka.Generation;

/// <summary>What was written for a row.</summary>
/// <param name="Text">The text.</param>
/// <param name="PromptIsCut">Whether the prompt was too long and lost its beginning.</param>
internal sealed record WrittenRow(string Text, bool PromptIsCut)
{
    // The text and the object around it.
    public long Bytes => 64 + sizeof(char) * (long)Text.Length;
}

/// <summary>The generated text.</summary>
/// <param name="name">The column.</param>
/// <param name="write">Generates the texts of rows that are not kept.</param>
/// <param name="others">Columns of the same model, which tell once with these what is told once.</param>
internal sealed class TextColumns(
    string name, Func<IReadOnlyList<PositionedRow>, RowMemory, IReadOnlyList<WrittenRow>> write, TextColumns? others = null) : AddedColumns(others)
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

    public override RowBlock NewBlock(RowMemory memory) => new Block(write, memory);

    private sealed class Block(Func<IReadOnlyList<PositionedRow>, RowMemory, IReadOnlyList<WrittenRow>> write, RowMemory memory) : RowBlock
    {
        private IReadOnlyList<WrittenRow> _rows = [];
        private long _cutPrompts;
        private long _blankTexts;

        public override IEnumerable<RowWarning> Warnings
        {
            get
            {
                if (_cutPrompts > 0)
                    yield return RowWarning.CutPrompts(_cutPrompts);
                if (_blankTexts > 0)
                    yield return RowWarning.NothingAsked(_blankTexts);
            }
        }

        public override void Compute(IReadOnlyList<PositionedRow> rows)
        {
            _rows = write(rows, memory);
            _cutPrompts += _rows.Count(row => row.PromptIsCut);
            _blankTexts += rows.Count(row => row.Prompt.IsBlank);
        }

        public override Delegate Getter(int added, Func<int> slot) =>
            (ValueGetter<ReadOnlyMemory<char>>)((ref ReadOnlyMemory<char> value) => value = Text(slot()));

        private ReadOnlyMemory<char> Text(int slot) => _rows[slot].Text.AsMemory();
    }
}
