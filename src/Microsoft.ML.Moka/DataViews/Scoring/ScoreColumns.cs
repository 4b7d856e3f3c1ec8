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

    public override RowBlock NewBlock() => new Block(scorer);

    private sealed class Block(RowScorer scorer) : RowBlock
    {
        private readonly int _width = scorer.WordCount;
        private float[] _scores = [];
        private long _cutPrompts;
        private long _unknownCandidates;
        private long _blankTexts;

        public override IEnumerable<string> Warnings
        {
            get
            {
                if (_cutPrompts > 0)
                    yield return $"Prompts that were too long and lost their beginning: {_cutPrompts}.";
                if (_blankTexts > 0)
                    yield return $"Rows whose text is blank, and whose scores say only how likely the labels are by themselves: {_blankTexts}.";
                if (_unknownCandidates > 0)
                    yield return $"Rows with candidates that are no values of the label that was trained on, and are never chosen: {_unknownCandidates}.";
            }
        }

        public override void Compute(IReadOnlyList<PositionedRow> rows)
        {
            if (_scores.Length < rows.Count * _width)
                _scores = new float[rows.Count * _width];
            var notes = scorer.Score(rows, _scores.AsSpan(0, rows.Count * _width));
            _cutPrompts += notes.CutPrompts;
            _blankTexts += notes.BlankTexts;
            _unknownCandidates += notes.RowsWithUnknownCandidates;
        }

        public override Delegate Getter(int added, Func<int> slot) => added == PredictedLabel
            ? (ValueGetter<uint>)((ref uint value) => value = Best(Scores(slot())))
            : (ValueGetter<VBuffer<float>>)((ref VBuffer<float> value) =>
            {
                var source = Scores(slot());
                var editor = VBufferEditor.Create(ref value, source.Length);
                source.CopyTo(editor.Values);
                value = editor.Commit();
            });

        private ReadOnlySpan<float> Scores(int slot) => _scores.AsSpan(slot * _width, _width);

        /// <summary>The key of the likeliest word, counted from 1; missing (0) where there is no score to compare.</summary>
        private static uint Best(ReadOnlySpan<float> scores) => float.IsNaN(scores[0]) ? 0 : (uint)TensorPrimitives.IndexOfMax(scores) + 1;
    }
}
