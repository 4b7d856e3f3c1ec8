using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Evaluation;

public sealed class LikelihoodScorerTests : IDisposable
{
    private static readonly ScoringRow[] Rows =
    [
        Row(7, [3], [4], [5]),
        Row(1, [3, 9, 2], [4]),
        Row(12, [1, 1], [1, 1, 1], [2, 2, 2, 2, 2]),
        Row(3, [8]),
    ];

    private readonly CpuBackend _backend = new();
    private readonly LlamaBackbone _backbone;

    public LikelihoodScorerTests() => _backbone = TinyLlama.Frozen(_backend);

    public void Dispose()
    {
        _backbone.Dispose();
        _backend.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AScoreIsTheSumOfTheAnswersTokensAsIfItStoodAlone(bool adapted)
    {
        using var adapters = adapted ? AdapterSet.Create(_backend, new MokaAdapter(), TinyLlama.Config.LinearMaps, seed: 1) : null;

        var scores = new LikelihoodScorer(_backbone, adapters).Score(Rows);

        for (var i = 0; i < Rows.Length; i++)
            for (var answer = 0; answer < Rows[i].Answers.Length; answer++)
                Assert.Equal(Alone(Rows[i].Prompt, Rows[i].Answers[answer], adapters), scores[i][answer], 1e-4);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(25)]
    public void TheTokenBudgetChangesNoScore(int tokenBudget)
    {
        var scores = new LikelihoodScorer(_backbone, null, tokenBudget).Score(Rows);

        Assert.Equal(new LikelihoodScorer(_backbone, null).Score(Rows), scores);
    }

    [Fact]
    public void WhatRowsShareIsComputedOnceAndScoresStayTheSame()
    {
        SequenceSet[] rows = [.. Enumerable.Range(0, 4).Select(row => new SequenceSet(
            [.. Enumerable.Range(0, 3).Select(answer => new ScoredSequence([1, 2, 3, 4, 5, 10 + row, 6, 7, 20 + answer, 30], 8))], Opening: 5))];
        var scorer = new LikelihoodScorer(_backbone, null);

        var together = scorer.ScoreBatch(rows, out var computed);

        // Five that all share, three of each row, one of each answer; the last token predicts nothing.
        Assert.Equal(5 + 4 * (3 + 3), computed);
        var alone = rows.SelectMany(row => scorer.ScoreBatch([row], out _)).ToArray();
        for (var i = 0; i < rows.Length; i++)
            for (var answer = 0; answer < 3; answer++)
                Assert.Equal(Alone([1, 2, 3, 4, 5, 10 + i, 6, 7], [20 + answer, 30], null), together[i][answer], 1e-4);
        Assert.Equal(alone, together);
    }

    [Fact]
    public void NoRowsAreNoScores() => Assert.Empty(new LikelihoodScorer(_backbone, null).Score([]));

    [Fact]
    public void ItCanBeCancelled() =>
        Assert.ThrowsAny<OperationCanceledException>(() => new LikelihoodScorer(_backbone, null).Score(Rows, new CancellationToken(canceled: true)));

    private static ScoringRow Row(int promptLength, params int[][] answers) => new(TinyLlama.Ids(promptLength, (ulong)promptLength), answers, false);

    /// <summary>From the logits of the whole sequence.</summary>
    private double Alone(int[] prompt, int[] answer, AdapterSet? adapters)
    {
        int[] ids = [.. prompt, .. answer];
        var width = TinyLlama.Config.VocabularySize;
        var logits = TinyLlama.Logits(_backbone, RaggedBatch.Of([ids]), adapters);
        var sum = 0.0;
        for (var i = prompt.Length; i < ids.Length; i++)
        {
            var row = logits.AsSpan((i - 1) * width, width).ToArray().Select(l => (double)l).ToArray();
            sum += row[ids[i]] - Math.Log(row.Sum(Math.Exp));
        }
        return sum;
    }
}
