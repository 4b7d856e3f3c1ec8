using Microsoft.ML.Data;
using Microsoft.ML.Moka.DataViews.Rows;

namespace Microsoft.ML.Moka.DataViews.Scoring;

/// <summary>Columns that are made of a row's scores; which columns, those who derive say.</summary>
internal abstract class ScoreColumns(RowScorer scorer) : AddedColumns
{
    private const int SmallBlock = 8;

    public override string Work => "Scoring";

    public override int LargestBlock => 64;

    /// <summary>Few rows are one block, which costs less than several; of many, somebody may only want to see the first.</summary>
    public override int FirstBlock(long? rowCount) => rowCount > 0 && rowCount <= LargestBlock ? (int)rowCount : SmallBlock;

    public override RowBlock NewBlock(RowMemory memory) => new Block(scorer, memory, this);

    /// <summary>The scores of the row that is wanted; it has been computed when this returns.</summary>
    protected delegate ReadOnlySpan<float> RowScores();

    /// <summary>What is told of rows whose text is blank.</summary>
    protected virtual string BlankProblem => "Rows whose text is blank, and whose scores say only how likely the labels are by themselves";

    /// <summary>What there is to say of so many rows of a kind; nothing of none.</summary>
    public IEnumerable<RowWarning> Remarks(long cutPrompts, long blankTexts, long unknownCandidates)
    {
        if (cutPrompts > 0)
            yield return RowWarning.CutPrompts(cutPrompts);
        if (blankTexts > 0)
            yield return new RowWarning(BlankProblem, blankTexts);
        if (unknownCandidates > 0)
            yield return new RowWarning("Rows with candidates that are no values of the label that was trained on, and are never chosen", unknownCandidates);
    }

    /// <summary>A <c>ValueGetter</c> of an added column.</summary>
    /// <param name="added">The column, counted from 0 among the added ones.</param>
    /// <param name="scores">The wanted row's scores.</param>
    /// <param name="label">The wanted row's own label, where it is read.</param>
    protected abstract Delegate Getter(int added, RowScores scores, Func<string?> label);

    protected static void CopyTo(ReadOnlySpan<float> scores, ref VBuffer<float> value)
    {
        var editor = VBufferEditor.Create(ref value, scores.Length);
        scores.CopyTo(editor.Values);
        value = editor.Commit();
    }

    private sealed class Block(RowScorer scorer, RowMemory memory, ScoreColumns columns) : RowBlock
    {
        private IReadOnlyList<ScoredRow> _rows = [];
        private IReadOnlyList<string?> _labels = [];
        private long _cutPrompts;
        private long _unknownCandidates;
        private long _blankTexts;

        public override IEnumerable<RowWarning> Warnings => columns.Remarks(_cutPrompts, _blankTexts, _unknownCandidates);

        public override void Compute(IReadOnlyList<PositionedRow> rows)
        {
            _rows = scorer.Score(rows, memory);
            _labels = [.. rows.Select(row => row.Label)];
            _cutPrompts += _rows.Count(row => row.PromptIsCut);
            _unknownCandidates += _rows.Count(row => row.HasUnknownCandidates);
            _blankTexts += rows.Count(row => row.Prompt.IsBlank);
        }

        public override Delegate Getter(int added, Func<int> slot) => columns.Getter(added, () => ScoresAt(slot()), () => LabelAt(slot()));

        // The scores are those after the slot was asked for, which may have computed them.
        private ReadOnlySpan<float> ScoresAt(int slot) => _rows[slot].Scores;

        private string? LabelAt(int slot) => _labels[slot];
    }
}
