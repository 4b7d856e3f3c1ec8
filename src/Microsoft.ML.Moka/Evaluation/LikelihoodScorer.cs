using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Llama;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Evaluation;

/// <summary>
/// Scores log p(answer | prompt), the sum over the answer's tokens. Rows go through the backbone in ragged batches; what the sequences of a row begin with
/// alike, the prompt and common beginnings of answers, is computed once. Any number of threads may score.
/// </summary>
/// <param name="backbone">The frozen backbone.</param>
/// <param name="adapters">What it was tuned with; null for the backbone alone.</param>
/// <param name="tokenBudget">How many tokens a batch may have; a row that has more is a batch of its own.</param>
internal sealed class LikelihoodScorer(LlamaBackbone backbone, AdapterSet? adapters, int tokenBudget = LikelihoodScorer.DefaultTokenBudget)
{
    public const int DefaultTokenBudget = 2048;

    /// <summary>The log-likelihood of each answer of each row, which does not depend on the other rows.</summary>
    public double[][] Score(IReadOnlyList<ScoringRow> rows, CancellationToken cancellation = default)
    {
        var scores = new double[rows.Count][];
        for (var start = 0; start < rows.Count;)
        {
            cancellation.ThrowIfCancellationRequested();
            var end = start;
            for (var tokens = 0; end < rows.Count && (end == start || tokens + TokenCount(rows[end]) <= tokenBudget); end++)
                tokens += TokenCount(rows[end]);
            ScoreBatch([.. rows.Skip(start).Take(end - start).Select(Sequences)], shareAcrossRows: false, out _).CopyTo(scores, start);
            start = end;
        }
        return scores;

        // Nothing is predicted from an answer's last token, so it is not computed.
        static int TokenCount(ScoringRow row) => row.Prompt.Length + row.Answers.Sum(answer => answer.Length - 1);
        static ScoredSequence[] Sequences(ScoringRow row) => [.. row.Answers.Select(answer => new ScoredSequence([.. row.Prompt, .. answer], row.Prompt.Length))];
    }

    /// <summary>The log-likelihood of each sequence of each row, all in one batch.</summary>
    /// <param name="rows">The sequences of each row.</param>
    /// <param name="shareAcrossRows">
    /// Whether what rows begin with alike is computed once too: an instruction's opening, few-shot examples. Sums then run in another order, so that the last
    /// bits of a score depend on the other rows; without it, nothing does.
    /// </param>
    /// <param name="computedTokens">How many tokens went through the backbone.</param>
    public double[][] ScoreBatch(IReadOnlyList<ScoredSequence[]> rows, bool shareAcrossRows, out int computedTokens)
    {
        var batch = new RaggedBatch();
        ScoredSequence[] sequences = [.. rows.SelectMany(row => row)];
        var places = shareAcrossRows
            ? batch.AddShared(InputsOf(sequences))
            : rows.SelectMany(row => batch.AddShared(InputsOf(row))).ToArray();
        var predictingRows = new List<int>();
        var targets = new List<int>();
        foreach (var (sequence, place) in sequences.Zip(places))
        {
            predictingRows.AddRange(place.Rows.AsSpan(sequence.Start - 1));
            targets.AddRange(sequence.Ids.AsSpan(sequence.Start));
        }
        var losses = Losses(batch, [.. predictingRows], [.. targets]);
        computedTokens = batch.TokenCount;
        var next = 0;
        return [.. rows.Select(row => row.Select(Sum).ToArray())];

        double Sum(ScoredSequence sequence)
        {
            var score = 0.0;
            for (var t = sequence.Start; t < sequence.Ids.Length; t++)
                score -= losses[next++];
            return score;
        }

        static int[][] InputsOf(ScoredSequence[] sequences) => Array.ConvertAll(sequences, sequence => sequence.Ids[..^1]);
    }

    private float[] Losses(RaggedBatch batch, int[] predictingRows, int[] targets)
    {
        var backend = backbone.Backend;
        using var tape = new Tape(backend, recording: false);
        var predicting = backbone.Forward(tape, batch, adapters, rows: predictingRows);
        using var targetIds = backend.Upload(targets);
        using var losses = backend.TokenLosses(predicting.Value, backbone.Head, targetIds, rowWeights: null, out _);
        var values = new float[targets.Length];
        backend.Download(losses, values);
        return values;
    }
}

/// <summary>A sequence whose tokens from <paramref name="Start"/> on are scored; the first of all tokens never is.</summary>
internal readonly record struct ScoredSequence(int[] Ids, int Start);
