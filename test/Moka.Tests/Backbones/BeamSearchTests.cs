using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Backbones;

public sealed class BeamSearchTests : IDisposable
{
    private static readonly int[][] Prompts = [[1, 2, 3], [1, 2, 4, 9], [7], [1, 2, 3, 5, 8, 2]];

    private static readonly OpenedPrompt[] Opened = [.. Prompts.Select(ids => new OpenedPrompt(ids, Math.Min(2, ids.Length - 1)))];

    private readonly CpuBackend _backend = new();
    private readonly LlamaBackbone _backbone;

    public BeamSearchTests() => _backbone = TinyLlama.Frozen(_backend);

    public void Dispose()
    {
        _backbone.Dispose();
        _backend.Dispose();
    }

    [Theory]
    [InlineData(1, 5)]
    [InlineData(2, 6)]
    [InlineData(4, 8)]
    [InlineData(4, 1)]
    public void ItFindsWhatASearchWithoutCacheAndBatchFinds(int beams, int length)
    {
        // Every third token ends a text, so that texts of several lengths compete.
        int[] stop = [.. Enumerable.Range(0, TinyLlama.Config.VocabularySize).Where(token => token % 3 == 0)];

        var found = new BeamSearch(_backbone, null, beams).Generate(Opened, length, stop, out _);

        for (var i = 0; i < Prompts.Length; i++)
            Assert.Equal(Search(Prompts[i], beams, length, stop), found[i]);
    }

    [Fact]
    public void OneBeamWithoutStopTokensIsGreedy()
    {
        var found = new BeamSearch(_backbone, null, 1).Generate(Opened, 7, [], out var computed);

        Assert.Equal(new Generator(_backbone).Generate(Prompts, new GenerationOptions { MaxNewTokens = 7, StopTokens = [] }), found);
        // The opening of three prompts counts once, and so does each new token but the last.
        Assert.Equal(2 + 1 + 2 + 1 + 4 + 4 * 6, computed);
    }

    [Fact]
    public void MoreBeamsFindATextThatIsAtLeastAsLikely()
    {
        var greedy = new Generator(_backbone).Generate(Prompts, new GenerationOptions { MaxNewTokens = 4, StopTokens = [] });
        var found = new BeamSearch(_backbone, null, TinyLlama.Config.VocabularySize).Generate(Opened, 4, [], out _);

        var gains = Prompts.Select((prompt, i) => Score(prompt, found[i]) - Score(prompt, greedy[i])).ToArray();
        Assert.All(gains, gain => Assert.InRange(gain, -1e-4, double.MaxValue));
        Assert.Contains(gains, gain => gain > 1e-3);
    }

    [Fact]
    public void ItCanBeCancelled() => Assert.ThrowsAny<OperationCanceledException>(
        () => new BeamSearch(_backbone, null, 2).Generate(Opened, 4, [], out _, new CancellationToken(canceled: true)));

    [Fact]
    public void SharedOpeningsChangeNoGreedyText()
    {
        var options = new GenerationOptions { MaxNewTokens = 12, StopTokens = [] };

        Assert.Equal(new Generator(_backbone).Generate(Prompts, options), new Generator(_backbone).Generate(Opened, options, out var computed));
        Assert.Equal(2 + 1 + 2 + 1 + 4 + 4 * 11, computed);
    }

    /// <summary>The algorithm as transformers describes it, each text computed anew and alone.</summary>
    private int[] Search(int[] prompt, int width, int length, int[] stop)
    {
        List<(int[] Text, double Score)> beams = [([], 0)];
        var finished = new List<(int[] Text, double Mean)>();
        for (var step = 1; step <= length; step++)
        {
            var candidates =
                beams.SelectMany(beam => LogProbabilities([.. prompt, .. beam.Text]).Select((p, token) => (beam.Text, Token: token, Score: beam.Score + p)))
                .OrderByDescending(c => c.Score).Take(2 * width).ToList();
            finished.AddRange(candidates.Take(width).Where(c => stop.Contains(c.Token)).Select(c => (c.Text, c.Score / step)));
            finished = [.. finished.OrderByDescending(f => f.Mean).Take(width)];
            beams = [.. candidates.Where(c => !stop.Contains(c.Token)).Take(width).Select(c => ((int[])[.. c.Text, c.Token], c.Score))];
            if (finished.Count == width && finished[^1].Mean >= candidates[0].Score / step)
                return finished[0].Text;
        }
        return finished.Concat(beams.Select(beam => (beam.Text, beam.Score / length))).MaxBy(f => f.Item2).Text;
    }

    private double Score(int[] prompt, int[] text)
    {
        var score = 0.0;
        for (var t = 0; t < text.Length; t++)
            score += LogProbabilities([.. prompt, .. text[..t]])[text[t]];
        return score;
    }

    private double[] LogProbabilities(int[] ids)
    {
        var logits = TinyLlama.Logits(_backbone, RaggedBatch.Of([ids]), rows: [ids.Length - 1]).Select(l => (double)l).ToArray();
        var sum = Math.Log(logits.Sum(Math.Exp));
        return [.. logits.Select(l => l - sum)];
    }
}
