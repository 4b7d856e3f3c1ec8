using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Rows;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.DataViews.Scoring;

/// <summary>Scores rows by the likelihood of the answer words after the prompt.</summary>
internal sealed class WordScorer : RowScorer
{
    private readonly RowEncoder _encoder;
    private readonly Dictionary<string, int> _indexOfWord;
    private readonly LikelihoodScorer _scorer;
    private readonly IReadOnlyList<string> _words;
    private readonly ScoreForm _form;

    public WordScorer(TunedBackbone weights, RowEncoder encoder, IReadOnlyList<string> words, ScoreForm form)
        : base(weights)
    {
        _encoder = encoder;
        _words = words;
        _form = form;
        _indexOfWord = words.Select((word, index) => (word, index)).ToDictionary(w => w.word, w => w.index, StringComparer.Ordinal);
        _scorer = new LikelihoodScorer(weights.Backbone, weights.Adapters);
    }

    /// <summary>
    /// The scores of rows of several models over one backbone, all of which score by words and are in use: those that each model gives by itself.
    /// </summary>
    public static ScoredRow[] Score(LlamaBackbone backbone, IReadOnlyList<(WordScorer Model, PositionedRow Row)> rows, CancellationToken cancellation) => Score(
        [.. rows.Select(row => (row.Model, row.Model.Encode(row.Row)))],
        (encoded, models) => new LikelihoodScorer(backbone, null, ownAdapters: [.. models.Select(model => model.Weights.Adapters)])
            .Score(encoded, cancellation));

    /// <summary>
    /// The scores of each row: of its candidates' log-likelihoods, with 0 for words that are no candidates of the row, and NaN where none of its candidates is
    /// one of the words.
    /// </summary>
    protected override ScoredRow[] Score(IReadOnlyList<PositionedRow> rows) =>
        Score([.. rows.Select(row => (this, Encode(row)))], (encoded, _) => _scorer.Score(encoded, Cancellation));

    private static ScoredRow[] Score(
        IReadOnlyList<(WordScorer Model, EncodedRow Row)> rows, Func<List<ScoringRow>, IEnumerable<WordScorer>, double[][]> likelihoodsOf)
    {
        var known = rows.Where(row => row.Row.Encoded is not null).ToList();
        var likelihoods = likelihoodsOf([.. known.Select(row => row.Row.Encoded!)], known.Select(row => row.Model));
        var next = 0;
        return [.. rows.Select(row => row.Model.Finish(row.Row, row.Row.Encoded is null ? null : likelihoods[next++]))];
    }

    private EncodedRow Encode(PositionedRow row)
    {
        string[] answers = [.. row.Prompt.Candidates.Where(_indexOfWord.ContainsKey)];
        try
        {
            return new EncodedRow(row, [.. answers.Select(answer => _indexOfWord[answer])],
                answers.Length == 0 ? null : _encoder.ForScoring(row.Prompt, answers));
        }
        catch (ArgumentException e)
        {
            throw new InvalidOperationException($"Row {row.Position} cannot be scored. {e.Message}", e);
        }
    }

    private ScoredRow Finish(EncodedRow row, double[]? likelihoods)
    {
        var candidates = row.Row.Prompt.Candidates;
        var scores = new float[_words.Count];
        if (likelihoods is null)
            Array.Fill(scores, float.NaN);
        else
        {
            var own = Array.ConvertAll(_form(likelihoods), score => (float)score);
            scores = ReferenceEquals(candidates, _words) ? own : Spread(own, row.Words);
        }
        return new ScoredRow(scores, row.Encoded?.PromptIsCut ?? false, row.Words.Length < candidates.Count);
    }

    private float[] Spread(float[] own, int[] words)
    {
        var scores = new float[_words.Count];
        for (var i = 0; i < words.Length; i++)
            scores[words[i]] = own[i];
        return scores;
    }

    /// <param name="Row">The row.</param>
    /// <param name="Words">Which of the model's words are its candidates.</param>
    /// <param name="Encoded">Its tokens; null where none of its candidates is a word of the model.</param>
    private sealed record EncodedRow(PositionedRow Row, int[] Words, ScoringRow? Encoded);
}
