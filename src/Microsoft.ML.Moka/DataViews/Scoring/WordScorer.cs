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

    public WordScorer(TunedBackbone weights, RowEncoder encoder, IReadOnlyList<string> words)
        : base(weights)
    {
        _encoder = encoder;
        _indexOfWord = words.Select((word, index) => (word, index)).ToDictionary(w => w.word, w => w.index, StringComparer.Ordinal);
        _scorer = new LikelihoodScorer(weights.Backbone, weights.Adapters);
    }

    public override int Width => _indexOfWord.Count;

    /// <summary>
    /// The probability of each word, row by row: the softmax of the candidates' log-likelihoods, 0 for words that are no candidates of the row, and NaN
    /// where none of its candidates is one of the words.
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
            var scores = new float[Width];
            var isCut = false;
            if (known[i].Length == 0)
            {
                Array.Fill(scores, float.NaN);
            }
            else
            {
                isCut = encoded[next].PromptIsCut;
                Spread(likelihoods[next++], known[i], scores);
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

    private static void Spread(double[] likelihoods, int[] words, Span<float> scores)
    {
        var probabilities = SoftMax(likelihoods);
        for (var i = 0; i < words.Length; i++)
            scores[words[i]] = (float)probabilities[i];
    }
}
