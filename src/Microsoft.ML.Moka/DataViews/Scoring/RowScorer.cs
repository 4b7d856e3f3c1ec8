using System.Numerics.Tensors;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Rows;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.DataViews.Scoring;

/// <summary>What a row scored.</summary>
/// <param name="Scores">
/// The probability of each word: the softmax of the candidates' log-likelihoods, 0 for words that are no candidates of the row, and NaN where none of its
/// candidates is one of the words.
/// </param>
/// <param name="PromptIsCut">Whether the prompt was too long and lost its beginning.</param>
/// <param name="HasUnknownCandidates">Whether it has candidates that are no answer words of the model.</param>
internal sealed record ScoredRow(float[] Scores, bool PromptIsCut, bool HasUnknownCandidates)
{
    // The array and the object around it.
    public long Bytes => 64 + sizeof(float) * (long)Scores.Length;
}

/// <summary>Scores rows of text over the answer words.</summary>
internal sealed class RowScorer
{
    private readonly TunedBackbone _weights;
    private readonly RowEncoder _encoder;
    private readonly Dictionary<string, int> _indexOfWord;
    private readonly LikelihoodScorer _scorer;

    public RowScorer(TunedBackbone weights, RowEncoder encoder, IReadOnlyList<string> words)
    {
        _weights = weights;
        _encoder = encoder;
        _indexOfWord = words.Select((word, index) => (word, index)).ToDictionary(w => w.word, w => w.index, StringComparer.Ordinal);
        _scorer = new LikelihoodScorer(weights.Backbone, weights.Adapters);
    }

    public int WordCount => _indexOfWord.Count;

    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public IReadOnlyList<ScoredRow> Score(IReadOnlyList<PositionedRow> rows, RowMemory memory)
    {
        using var usage = _weights.Use();
        return memory.Recall(rows, this, Score, row => row.Bytes);
    }

    private ScoredRow[] Score(IReadOnlyList<PositionedRow> rows)
    {
        var known = new int[rows.Count][];
        var encoded = new List<ScoringRow>();
        for (var i = 0; i < rows.Count; i++)
        {
            known[i] = [.. rows[i].Prompt.Candidates.Where(_indexOfWord.ContainsKey).Select(c => _indexOfWord[c])];
            if (known[i].Length > 0)
                encoded.Add(Encode(rows[i]));
        }
        var likelihoods = _scorer.Score(encoded);
        var scored = new ScoredRow[rows.Count];
        var next = 0;
        for (var i = 0; i < rows.Count; i++)
        {
            var scores = new float[WordCount];
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
        // Of long answers even the likeliest is too unlikely for exp.
        var probabilities = new double[likelihoods.Length];
        TensorPrimitives.Subtract(likelihoods, TensorPrimitives.Max<double>(likelihoods), probabilities);
        TensorPrimitives.SoftMax<double>(probabilities, probabilities);
        for (var i = 0; i < words.Length; i++)
            scores[words[i]] = (float)probabilities[i];
    }
}
