using System.Numerics.Tensors;
using Microsoft.ML.Data;
using Microsoft.ML.Moka.DataViews.Columns;
using Microsoft.ML.Moka.DataViews.Rows;

namespace Microsoft.ML.Moka.DataViews.Scoring;

/// <summary>PredictedLabel and Score.</summary>
internal sealed class ScoreColumns(RowScorer scorer, OutputColumns outputs) : AddedColumns
{
    private const int PredictedLabel = 0;
    private const int SmallBlock = 8;

    public override string Work => "Scoring";

    public override int LargestBlock => 64;

    /// <summary>Few rows are one block, which costs less than several; of many, somebody may only want to see the first.</summary>
    public override int FirstBlock(long? rowCount) => rowCount > 0 && rowCount <= LargestBlock ? (int)rowCount : SmallBlock;

    public override DataViewSchema AddTo(DataViewSchema input) => outputs.AddTo(input);

    public override RowBlock NewBlock(RowMemory memory) => new Block(scorer, memory);

    private sealed class Block(RowScorer scorer, RowMemory memory) : RowBlock
    {
        private IReadOnlyList<ScoredRow> _rows = [];
        private long _cutPrompts;
        private long _unknownCandidates;

        public override IEnumerable<RowWarning> Warnings
        {
            get
            {
                if (_cutPrompts > 0)
                    yield return new RowWarning("Prompts that were too long and lost their beginning", _cutPrompts);
                if (_unknownCandidates > 0)
                    yield return new RowWarning(
                        "Rows with candidates that are no values of the label that was trained on, and are never chosen", _unknownCandidates);
            }
        }

        public override void Compute(IReadOnlyList<PositionedRow> rows)
        {
            _rows = scorer.Score(rows, memory);
            _cutPrompts += _rows.Count(row => row.PromptIsCut);
            _unknownCandidates += _rows.Count(row => row.HasUnknownCandidates);
        }

        public override Delegate Getter(int added, Func<int> slot) => added == PredictedLabel
            ? (ValueGetter<uint>)((ref uint value) => value = Best(Scores(slot())))
            : (ValueGetter<VBuffer<float>>)((ref VBuffer<float> value) =>
            {
                // The reader owns what it gets; the row may be kept.
                var source = Scores(slot());
                var editor = VBufferEditor.Create(ref value, source.Length);
                source.CopyTo(editor.Values);
                value = editor.Commit();
            });

        private float[] Scores(int slot) => _rows[slot].Scores;

        /// <summary>The key of the likeliest word, counted from 1; missing (0) where there is no score to compare.</summary>
        private static uint Best(ReadOnlySpan<float> scores) => float.IsNaN(scores[0]) ? 0 : (uint)TensorPrimitives.IndexOfMax(scores) + 1;
    }
}
