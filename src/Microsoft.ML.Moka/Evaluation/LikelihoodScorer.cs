using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Llama;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Evaluation;

/// <summary>
/// Scores log p(answer | prompt), the sum over the answer's tokens. Rows go through the backbone in ragged batches; within a row the prompt is
/// computed once, however many answers continue it. A score does not depend on the other rows of its batch, and any number of threads may score.
/// </summary>
/// <param name="backbone">The frozen backbone.</param>
/// <param name="adapters">What it was tuned with; null for the backbone alone.</param>
/// <param name="tokenBudget">How many tokens a batch may have; a row that has more is a batch of its own.</param>
internal sealed class LikelihoodScorer(LlamaBackbone backbone, AdapterSet? adapters, int tokenBudget = LikelihoodScorer.DefaultTokenBudget)
{
    public const int DefaultTokenBudget = 2048;

    /// <summary>The log-likelihood of each answer of each row.</summary>
    public double[][] Score(IReadOnlyList<ScoringRow> rows, CancellationToken cancellation = default)
    {
        var scores = new double[rows.Count][];
        for (var start = 0; start < rows.Count;)
        {
            cancellation.ThrowIfCancellationRequested();
            var end = start;
            for (var tokens = 0; end < rows.Count && (end == start || tokens + TokenCount(rows[end]) <= tokenBudget); end++)
                tokens += TokenCount(rows[end]);
            ScoreBatch(rows, start, end, scores);
            start = end;
        }
        return scores;
    }

    // Nothing is predicted from an answer's last token, so it is not computed.
    private static int TokenCount(ScoringRow row) => row.Prompt.Length + row.Answers.Sum(answer => answer.Length - 1);

    private void ScoreBatch(IReadOnlyList<ScoringRow> rows, int start, int end, double[][] scores)
    {
        var batch = new RaggedBatch();
        var predictingRows = new List<int>();
        var targets = new List<int>();
        for (var i = start; i < end; i++)
        {
            var prompt = batch.Add(rows[i].Prompt);
            var lastOfPrompt = prompt.Rows.Start + prompt.Rows.Length - 1;
            foreach (var answer in rows[i].Answers)
            {
                predictingRows.Add(lastOfPrompt);
                targets.AddRange(answer);
                if (answer.Length == 1)
                    continue;
                var continuation = batch.Continue(prompt, answer.AsSpan(..^1));
                predictingRows.AddRange(Enumerable.Range(continuation.Rows.Start, continuation.Rows.Length));
            }
        }
        var losses = Losses(batch, [.. predictingRows], [.. targets]);
        var next = 0;
        for (var i = start; i < end; i++)
        {
            scores[i] = new double[rows[i].Answers.Length];
            for (var answer = 0; answer < scores[i].Length; answer++)
                for (var token = 0; token < rows[i].Answers[answer].Length; token++)
                    scores[i][answer] -= losses[next++];
        }
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
