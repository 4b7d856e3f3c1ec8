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
    /// The scores of each row: of its candidates' log-likelihoods, with 0 for words that are no candidates of the row, and NaN where none of its candidates is
    /// one of the words.
    /// </summary>
    protected override ScoredRow[] Score(IReadOnlyList<PositionedRow> rows)
    {
        var known = new int[rows.Count][];
        var encoded = new List<ScoringRow>();
        for (var i = 0; i < rows.Count; i++)
        {
            known[i] = [.. rows[i].Prompt.Candidates.Where(_indexOfWord.ContainsKey).Select(c => _indexOfWord[c])];
            if (known[i].Length > 0)
                encoded.Add(Encode(rows[i]));
        }
        var likelihoods = _scorer.Score(encoded, Cancellation);
        var scored = new ScoredRow[rows.Count];
        var next = 0;
        for (var i = 0; i < rows.Count; i++)
        {
            float[] scores;
            var isCut = false;
            if (known[i].Length == 0)
            {
                scores = new float[_words.Count];
                Array.Fill(scores, float.NaN);
            }
            else
            {
                isCut = encoded[next].PromptIsCut;
                var own = Array.ConvertAll(_form(likelihoods[next++]), score => (float)score);
                scores = ReferenceEquals(rows[i].Prompt.Candidates, _words) ? own : Spread(own, known[i]);
            }
            scored[i] = new ScoredRow(scores, isCut, known[i].Length < rows[i].Prompt.Candidates.Count);
        }
        return scored;
    }

    private ScoringRow Encode(PositionedRow row)
    {
        string[] answers = [.. row.Prompt.Candidates.Where(_indexOfWord.ContainsKey)];
        try
        {
            return _encoder.ForScoring(row.Prompt, answers);
        }
        catch (ArgumentException e)
        {
            throw new InvalidOperationException($"Row {row.Position} cannot be scored. {e.Message}", e);
        }
    }

    private float[] Spread(float[] own, int[] words)
    {
        var scores = new float[_words.Count];
        for (var i = 0; i < words.Length; i++)
            scores[words[i]] = own[i];
        return scores;
    }
}
