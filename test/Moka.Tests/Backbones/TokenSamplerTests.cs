using Microsoft.ML.Moka.Backbones;

namespace Microsoft.ML.Moka.Tests.Backbones;

public sealed class TokenSamplerTests
{
    private const int Vocabulary = 12;

    /// <summary>OpenAI's formula: logit - count * frequency penalty - (count > 0) * presence penalty, over the text and not the prompt.</summary>
    [Theory]
    [InlineData(0.7f, 0)]
    [InlineData(0, 1.3f)]
    [InlineData(0.4f, 0.9f)]
    [InlineData(-0.5f, 0)]
    [InlineData(0, 0)]
    public void Penalties_are_taken_from_the_logits_of_what_was_written(float frequency, float presence)
    {
        var random = new Random(4);
        var sampler = new TokenSampler(new GenerationOptions { FrequencyPenalty = frequency, PresencePenalty = presence }, [0, 1, 2]);
        var counts = new int[Vocabulary];
        for (var step = 0; step < 60; step++)
        {
            float[] logits = [.. Enumerable.Range(0, Vocabulary).Select(_ => (float)random.NextDouble() * 3)];
            double[] reference = [.. logits.Select((logit, i) => logit - counts[i] * (double)frequency - (counts[i] > 0 ? presence : 0))];

            var token = sampler.Choose(logits);

            Assert.Equal(Array.IndexOf(reference, reference.Max()), token);
            counts[token]++;
        }
        Assert.True(counts.Max() > 3);
    }

    [Fact]
    public void What_is_drawn_follows_the_penalised_probabilities()
    {
        double[] logits = [1, 0.5, 0, -0.5];
        var counts = new int[4];
        for (var seed = 0; seed < 4000; seed++)
        {
            var sampler = new TokenSampler(new GenerationOptions { Temperature = 1, PresencePenalty = 2, Seed = (ulong)seed }, []);
            // The first choice is certain, so that the second has token 0 penalised.
            Assert.Equal(0, sampler.Choose([50, 0, 0, 0]));
            counts[sampler.Choose([.. logits.Select(logit => (float)logit)])]++;
        }

        double[] weights = [.. logits.Select((logit, i) => Math.Exp(logit - (i == 0 ? 2 : 0)))];
        Assert.All(weights.Index(), w => Assert.InRange(counts[w.Index] / 4000.0 - w.Item / weights.Sum(), -0.03, 0.03));
    }
}
