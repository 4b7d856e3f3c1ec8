using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>
/// Scores log p(answer | prompt), the sum over the answer's tokens. Rows go through the backbone in ragged batches; what the sequences of a row begin with
/// alike, the prompt and common beginnings of answers, is computed once. Any number of threads may score.
/// </summary>
/// <param name="backbone">The frozen backbone.</param>
/// <param name="adapters">What it was tuned with; null for the backbone alone.</param>
/// <param name="tokenBudget">How many tokens a batch may have; a row that has more is a batch of its own.</param>
/// <param name="ownAdapters">The adapters of each row, in place of the same for all; they change linear maps alone.</param>
internal sealed class LikelihoodScorer(
    LlamaBackbone backbone, AdapterSet? adapters, int tokenBudget = LikelihoodScorer.DefaultTokenBudget, IReadOnlyList<AdapterSet>? ownAdapters = null)
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
            for (var tokens = 0L; end < rows.Count && (end == start || tokens + TokenCount(rows[end]) <= tokenBudget); end++)
                tokens += TokenCount(rows[end]);
            ScoreBatch([.. rows.Skip(start).Take(end - start).Select(row => new SequenceSet(row))], start, out _, cancellation).CopyTo(scores, start);
            start = end;
        }
        return scores;

        // Nothing is predicted from an answer's last token, so it is not computed.
        static int TokenCount(ScoringRow row) => row.Prompt.Length + row.Answers.Sum(answer => answer.Length - 1);
    }

    /// <summary>The log-likelihood of each sequence of each row, all in one batch; none depends on the other rows.</summary>
    /// <param name="rows">The rows. Those with the same opening come one after the other.</param>
    /// <param name="computedTokens">How many tokens went through the backbone.</param>
    /// <param name="cancellation">Ends the work between two layers.</param>
    public double[][] ScoreBatch(IReadOnlyList<SequenceSet> rows, out int computedTokens, CancellationToken cancellation = default) =>
        ScoreBatch(rows, 0, out computedTokens, cancellation);

    private double[][] ScoreBatch(IReadOnlyList<SequenceSet> rows, int first, out int computedTokens, CancellationToken cancellation)
    {
        var batch = new RaggedBatch();
        var own = ownAdapters is null ? null : new List<AdapterSet>();
        var openings = new SharedOpenings(batch);
        // Where answers begin alike, the same row predicts the same token for all of them: the head, as wide as the vocabulary, is asked once.
        var predictions = new List<(int Row, int Target)>();
        var places = new Dictionary<(int, int), int>();
        var lossesOfTokens = new List<int>();
        foreach (var (number, row) in rows.Index())
        {
            var opening = openings.Add(row.Sequences[0].Ids.AsSpan(0, row.Opening));
            var sequences = batch.AddShared(Array.ConvertAll(row.Sequences, sequence => sequence.Ids[row.Opening..^1]), opening);
            foreach (var (sequence, place) in row.Sequences.Zip(sequences))
            {
                for (var t = sequence.Start; t < sequence.Ids.Length; t++)
                {
                    var prediction = (place.Rows[t - 1 - row.Opening], sequence.Ids[t]);
                    if (places.TryAdd(prediction, predictions.Count))
                        predictions.Add(prediction);
                    lossesOfTokens.Add(places[prediction]);
                }
            }
            own?.AddRange(Enumerable.Repeat(ownAdapters![first + number], batch.TokenCount - own.Count));
        }
        var losses = Losses(batch, [.. predictions], own, cancellation);
        computedTokens = batch.TokenCount;
        var next = 0;
        return [.. rows.Select(row => row.Sequences.Select(Sum).ToArray())];

        double Sum(ScoredSequence sequence)
        {
            var score = 0.0;
            for (var t = sequence.Start; t < sequence.Ids.Length; t++)
                score -= losses[lossesOfTokens[next++]];
            return score;
        }
    }

    private float[] Losses(RaggedBatch batch, (int Row, int Target)[] predictions, IReadOnlyList<AdapterSet>? own, CancellationToken cancellation)
    {
        var options = new ForwardOptions { RowAdapters = own };
        var backend = backbone.Backend;
        using var burst = backend.BeginBurst();
        using var tape = new Tape(backend, recording: false, cancellation);
        var predicting = backbone.Forward(tape, batch, adapters, options, Array.ConvertAll(predictions, prediction => prediction.Row));
        using var targetIds = backend.Upload(Array.ConvertAll(predictions, prediction => prediction.Target));
        using var losses = backbone.TokenLosses(tape, predicting, targetIds, adapters: adapters);
        var values = new float[predictions.Length];
        backend.Download(losses, values);
        if (Array.Exists(values, loss => !float.IsFinite(loss)))
            throw Overflow.Of("The scores are not finite", backbone, batch, adapters, own);
        return values;
    }
}

/// <summary>A sequence whose tokens from <paramref name="Start"/> on are scored; the first of all tokens never is.</summary>
internal readonly record struct ScoredSequence(int[] Ids, int Start);

/// <summary>The sequences of a row.</summary>
/// <param name="Sequences">At least one.</param>
/// <param name="Opening">
/// How many first tokens all of them have, and perhaps other rows too, which are then computed once: an instruction's opening, few-shot examples. At least one
/// token lies between them and any that is scored.
/// </param>
internal sealed record SequenceSet(ScoredSequence[] Sequences, int Opening = 0)
{
    /// <summary>A prompt with its answers.</summary>
    public SequenceSet(ScoringRow row)
        : this([.. row.Answers.Select(answer => new ScoredSequence([.. row.Prompt, .. answer], row.Prompt.Length))])
    {
    }
}
