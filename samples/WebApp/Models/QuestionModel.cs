using Microsoft.ML;
using Microsoft.ML.Moka;
using WebApp.Answers;

namespace WebApp.Models;

/// <summary>A model that answers questions with choices, many in one batch. Any number of threads may use it.</summary>
public sealed class QuestionModel : IDisposable
{
    private readonly MLContext _mlContext = new();
    private readonly ITransformer _loaded;
    private readonly MokaTransformer _moka;

    /// <exception cref="Exception">The file is damaged, of another kind or version, or its backbone is not there; the message says which.</exception>
    public QuestionModel(Stream file)
    {
        _loaded = _mlContext.Model.Load(file, out _);
        try
        {
            _moka = _loaded as MokaTransformer ?? (_loaded as IEnumerable<ITransformer>)?.OfType<MokaTransformer>().SingleOrDefault()
                ?? throw new InvalidDataException("The file holds no model of Moka's classification trainer.");
            MaximumChoices = QuestionRow.Marks.TakeWhile(_moka.Labels.Contains).Count();
            if (MaximumChoices < 2)
                throw new InvalidDataException(
                    $"The file holds a model that answers with '{string.Join("', '", _moka.Labels)}', " +
                    $"not with the marks '{string.Join("', '", QuestionRow.Marks)}' of this page.");
            // The first question takes longer than the others: memory and compiled code are made ready before users come.
            Score([QuestionRow.Ask("Ready?", ["yes", "no"])]);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public int MaximumChoices { get; }

    /// <summary>The most tokens of a prompt and its answer.</summary>
    public int MaximumTokens => _moka.MaximumTokens;

    public int CountTokens(string text) => _moka.CountTokens(text);

    /// <summary>The probabilities of each row's choices, all rows in one batch; none depends on the others.</summary>
    public IReadOnlyList<float[]> Score(IReadOnlyList<QuestionRow> rows)
    {
        var scored = _moka.Transform(_mlContext.Data.LoadFromEnumerable(rows));
        var scores = _mlContext.Data.CreateEnumerable<ScoredRow>(scored, reuseRowObject: false);
        return [.. rows.Zip(scores, (row, scored) => Array.ConvertAll(row.Candidates, mark => scored.Score[IndexOf(mark)]))];
    }

    public void Dispose() => (_loaded as IDisposable)?.Dispose();

    private int IndexOf(string mark) => _moka.Labels.TakeWhile(label => label != mark).Count();

    private sealed class ScoredRow
    {
        public float[] Score { get; set; } = [];
    }
}
