using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Scoring;

/// <summary>One row at a time, as a prediction engine asks for it: scored when a value is first fetched at a new position.</summary>
internal sealed class ScoredRow : DataViewRow
{
    private readonly RowMapping _mapping;
    private readonly ActiveColumns _active;
    private readonly DataViewRow _input;
    private readonly Func<PositionedRow>? _reader;
    private readonly float[] _scores;
    private long _scoredPosition = -1;

    public ScoredRow(RowMapping mapping, ActiveColumns active, DataViewRow input)
    {
        _mapping = mapping;
        _active = active;
        _input = input;
        _reader = active.Scores ? mapping.Reader(input) : null;
        _scores = new float[mapping.Scorer.WordCount];
    }

    public override DataViewSchema Schema => _mapping.OutputSchema;

    public override long Position => _input.Position;

    public override long Batch => _input.Batch;

    public override ValueGetter<DataViewRowId> GetIdGetter() => _input.GetIdGetter();

    public override bool IsColumnActive(DataViewSchema.Column column) => column.Index < _active.Wanted.Length && _active.Wanted[column.Index];

    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        RowValues.CheckActive(this, column);
        if (column.Index == _mapping.PredictedLabelIndex)
            return RowValues.PredictedLabelGetter<TValue>(column, CurrentScores);
        if (column.Index == _mapping.ScoreIndex)
            return RowValues.ScoreGetter<TValue>(column, CurrentScores);
        return _input.GetGetter<TValue>(_mapping.InputSchema[column.Index]);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _input.Dispose();
        base.Dispose(disposing);
    }

    private ReadOnlySpan<float> CurrentScores()
    {
        if (_input.Position < 0)
            throw RowValues.NoRow();
        if (_scoredPosition != _input.Position)
        {
            _scoredPosition = -1;
            _mapping.Scorer.Score([_reader!()], _scores);
            _scoredPosition = _input.Position;
        }
        return _scores;
    }
}
