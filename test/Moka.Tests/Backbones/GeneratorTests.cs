using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Backbones;

public sealed class GeneratorTests : IDisposable
{
    private readonly CpuBackend _backend = new(threads: 2);
    private readonly LlamaBackbone _backbone;

    public GeneratorTests() => _backbone = TinyLlama.Frozen(_backend);

    public void Dispose()
    {
        _backbone.Dispose();
        _backend.Dispose();
    }

    [Fact]
    public void Greedy_tokens_are_those_of_the_full_forward_pass()
    {
        var prompt = TinyLlama.Ids(5, 1);
        var expected = new List<int>(prompt);
        for (var i = 0; i < 10; i++)
        {
            var last = TinyLlama.Logits(_backbone, RaggedBatch.Of([.. expected]))[^TinyLlama.Config.VocabularySize..];
            expected.Add(Array.IndexOf(last, last.Max()));
        }

        Assert.Equal(expected[5..], Generate(new GenerationOptions { MaxNewTokens = 10 }, prompt)[0]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void What_a_prompt_becomes_does_not_depend_on_the_others(float temperature)
    {
        var options = new GenerationOptions { MaxNewTokens = 12, Temperature = temperature, Seed = 3 };
        var prompts = Enumerable.Range(0, 4).Select(i => TinyLlama.Ids(3 + i, (ulong)i)).ToArray();

        var together = Generate(options, prompts);

        Assert.Equal(together[0], Generate(options, prompts[0])[0]);
        Assert.Equal(together[..2], Generate(options, prompts[..2]));
        Assert.Equal(together.Reverse(), Generate(options, [.. prompts.Reverse()]));
    }

    /// <summary>One token beside 60 others, and alone: adapters must not be computed in another way.</summary>
    [Fact]
    public void What_a_prompt_becomes_does_not_depend_on_how_many_others_there_are()
    {
        using var adapters = AdapterSet.Create(_backend, new LoraAdapter { Rank = 4 }, TinyLlama.Config.LinearMaps, new Noise());
        var generator = new Generator(_backbone, adapters);
        var options = new GenerationOptions { MaxNewTokens = 12, Temperature = 1, Seed = 3 };
        var prompts = Enumerable.Range(0, 60).Select(i => TinyLlama.Ids(1 + i % 7, (ulong)i)).ToArray();

        var together = generator.Generate(prompts, options);

        Assert.All(prompts.Index(), p => Assert.Equal(together[p.Index], generator.Generate([p.Item], options)[0]));
    }

    [Fact]
    public void A_text_ends_where_its_reader_says_so()
    {
        var (first, second) = (TinyLlama.Ids(5, 1), TinyLlama.Ids(4, 2));
        var options = new GenerationOptions { MaxNewTokens = 10 };
        var free = Generate(options, first, second);
        var count = 0;

        var stopped = new Generator(_backbone).Generate([first, second], options, (prompt, _) => prompt != 0 || ++count < 3);

        Assert.Equal(free[0][..3], stopped[0]);
        Assert.Equal(free[1], stopped[1]);
    }

    [Fact]
    public void Adapters_take_part()
    {
        using var adapters = AdapterSet.Create(_backend, new LoraAdapter { Rank = 4 }, TinyLlama.Config.LinearMaps, new Noise());
        var options = new GenerationOptions { MaxNewTokens = 8 };
        var prompt = TinyLlama.Ids(40, 1);
        var last = TinyLlama.Logits(_backbone, RaggedBatch.Of(prompt), adapters)[^TinyLlama.Config.VocabularySize..];

        var tuned = new Generator(_backbone, adapters).Generate([prompt], options)[0];

        Assert.Equal(Array.IndexOf(last, last.Max()), tuned[0]);
        Assert.NotEqual(Generate(options, prompt)[0], tuned);
    }

    [Fact]
    public void A_stop_token_ends_the_text_and_is_left_out()
    {
        var prompt = TinyLlama.Ids(5, 1);
        var free = Generate(new GenerationOptions { MaxNewTokens = 10 }, prompt)[0];
        var stop = free[4];

        var stopped = Generate(new GenerationOptions { MaxNewTokens = 10, StopTokens = [stop] }, prompt)[0];

        Assert.Equal(free[..Array.IndexOf(free, stop)], stopped);
    }

    [Fact]
    public void The_positions_of_the_backbone_end_a_text() =>
        Assert.Equal(TinyLlama.Config.MaxPositions - 60 + 1, Generate(new GenerationOptions { MaxNewTokens = 100 }, TinyLlama.Ids(60, 1))[0].Length);

    [Fact]
    public void Sampling_depends_on_the_seed_alone()
    {
        var options = new GenerationOptions { MaxNewTokens = 20, Temperature = 1, TopK = 20, TopP = 0.9f, Seed = 1 };
        var prompt = TinyLlama.Ids(5, 1);

        Assert.Equal(Generate(options, prompt), Generate(options, prompt));
        Assert.NotEqual(Generate(options, prompt), Generate(options with { Seed = 2 }, prompt));
    }

    [Fact]
    public void Tokens_are_told_as_they_come_and_cancellation_ends_the_work()
    {
        var told = new List<(int, int)>();
        using var source = new CancellationTokenSource();

        Assert.Throws<OperationCanceledException>(() => new Generator(_backbone).Generate(
            [TinyLlama.Ids(5, 1), TinyLlama.Ids(4, 2)], new GenerationOptions { MaxNewTokens = 10 },
            (prompt, token) =>
            {
                told.Add((prompt, token));
                if (told.Count == 4)
                    source.Cancel();
                return true;
            },
            source.Token));
        Assert.Equal([0, 1, 0, 1], told.Select(pair => pair.Item1));
    }

    [Fact]
    public void Draws_follow_the_probabilities_of_the_tokens_that_are_left()
    {
        // Probabilities 0.5, 0.3, 0.15, 0.05.
        float[] logits = [.. new[] { 0.15, 0.5, 0.05, 0.3 }.Select(p => (float)Math.Log(p))];

        AssertShares(new GenerationOptions { Temperature = 1 }, 0.15, 0.5, 0.05, 0.3);
        AssertShares(new GenerationOptions { Temperature = 1, TopK = 2 }, 0, 0.625, 0, 0.375);
        AssertShares(new GenerationOptions { Temperature = 1, TopP = 0.79f }, 0, 0.625, 0, 0.375);
        AssertShares(new GenerationOptions { Temperature = 1, TopP = 0.9f }, 0.15 / 0.95, 0.5 / 0.95, 0, 0.3 / 0.95);
        AssertShares(new GenerationOptions { Temperature = 0.5f, TopK = 2 }, 0, 0.25 / 0.34, 0, 0.09 / 0.34);
        AssertShares(new GenerationOptions { Temperature = 0 }, 0, 1, 0, 0);

        void AssertShares(GenerationOptions options, params double[] expected)
        {
            const int draws = 20000;
            var sampler = new TokenSampler(options, [0]);
            var counts = new int[4];
            for (var i = 0; i < draws; i++)
                counts[sampler.Choose(logits)]++;
            for (var token = 0; token < 4; token++)
                Assert.Equal(expected[token], counts[token] / (double)draws, expected[token] is 0 or 1 ? 0 : 0.015);
        }
    }

    [Fact]
    public void Wrong_options_and_broken_logits_are_refused_in_words()
    {
        Assert.Contains(
            "temperature", Assert.Throws<ArgumentOutOfRangeException>(() => Generate(new GenerationOptions { Temperature = float.NaN }, [1])).Message);
        Assert.Contains("TopP", Assert.Throws<ArgumentOutOfRangeException>(() => Generate(new GenerationOptions { TopP = 0 }, [1])).Message);
        Assert.Contains(
            "not finite", Assert.Throws<InvalidOperationException>(() => new TokenSampler(new GenerationOptions(), [0]).Choose([1, float.NaN, 2])).Message);
    }

    private int[][] Generate(GenerationOptions options, params int[][] prompts) => new Generator(_backbone).Generate(prompts, options);

    private sealed class Noise : AdapterValues
    {
        public override float[] Factors(MapShape map, FactorRule rule, FactorStack stack)
        {
            var values = new float[stack.Length];
            new Moka.Tensors.SeededRandom(1, $"{map.Name}.{rule.Name}").FillNormal(values, 0.5f);
            return values;
        }

        public override float[] Gates(MapShape map, SoftmaxGates rule, int count) => new float[count];

        public override float[] Magnitudes(MapShape map, MagnitudeRule rule) => throw new NotSupportedException();
    }
}
