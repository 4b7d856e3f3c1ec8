using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Tests.Adapters;

namespace Microsoft.ML.Moka.Tests.Backbones;

/// <summary>Rows of several adapters go through a backbone together, and each is computed as if its adapter were alone.</summary>
public sealed class RowAdaptersTests : IDisposable
{
    private readonly CpuBackend _backend = new(threads: 2);
    private readonly LlamaBackbone _backbone;
    private readonly AdapterSet[] _sets;

    public RowAdaptersTests()
    {
        _backbone = TinyLlama.Frozen(_backend);
        AdapterOptions[] options =
        [
            new MokaAdapter(), new LoraAdapter { Rank = 2, TargetModules = ["q_proj", "down_proj"] }, new DoraAdapter { Rank = 2 },
            new HiraAdapter { Rank = 2, Layers = [1] }, new CdkaAdapter { Filters = 2 }, new MissAdapter { Rank = 4 }, new LoraAdapter { Rank = 2 },
        ];
        _sets = [.. options.Select((one, i) => AdapterSet.Create(_backend, one, TinyLlama.Config.LinearMaps, new RandomAdapters.Trained((ulong)i, 0.3f)))];
    }

    public void Dispose()
    {
        foreach (var set in _sets)
            set.Dispose();
        _backbone.Dispose();
        _backend.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void States_are_those_of_each_adapter_alone_bit_for_bit(bool twoPaths)
    {
        int[][] sequences = [.. _sets.Concat(_sets).Select((_, i) => TinyLlama.Ids(3 + i, (ulong)i))];
        var batch = RaggedBatch.Of(sequences);
        var own = sequences.Index().SelectMany(row => Enumerable.Repeat(_sets[row.Index % _sets.Length], row.Item.Length)).ToList();
        int[] last = [.. sequences.Select((_, i) => sequences.Take(i + 1).Sum(ids => ids.Length) - 1)];

        var all = States(batch, null, new ForwardOptions { TwoPaths = twoPaths, RowAdapters = own }, null);
        var some = States(batch, null, new ForwardOptions { TwoPaths = twoPaths, RowAdapters = own }, last);

        var width = TinyLlama.Config.HiddenSize;
        foreach (var (i, ids) in sequences.Index())
        {
            var options = new ForwardOptions { TwoPaths = twoPaths };
            var alone = States(RaggedBatch.Of([ids]), _sets[i % _sets.Length], options, null);
            Assert.Equal(alone, all[((last[i] + 1 - ids.Length) * width)..((last[i] + 1) * width)]);
            Assert.Equal(States(RaggedBatch.Of([ids]), _sets[i % _sets.Length], options, [ids.Length - 1]), some[(i * width)..((i + 1) * width)]);
            Assert.NotEqual(alone, States(RaggedBatch.Of([ids]), _sets[(i + 1) % _sets.Length], options, null));
        }
    }

    [Fact]
    public void Texts_are_those_of_each_adapter_alone()
    {
        int[][] prompts = [.. Enumerable.Range(0, 12).Select(i => TinyLlama.Ids(2 + (i % 5), (ulong)(i % 4)))];
        var own = prompts.Select((_, i) => _sets[i * 5 % _sets.Length]).ToList();
        var options = new GenerationOptions { MaxNewTokens = 12, StopTokens = [7], Temperature = 1, Seed = 3 };

        var together = new Generator(_backbone, ownAdapters: own).Generate(prompts, options);

        Assert.Equal(prompts.Zip(own, (prompt, set) => new Generator(_backbone, set).Generate([prompt], options)[0]), together);
        Assert.True(together.Select(text => string.Join(' ', text)).Distinct().Count() > 6);
    }

    private float[] States(RaggedBatch batch, AdapterSet? adapters, ForwardOptions options, int[]? rows)
    {
        using var tape = new Tape(_backend, recording: false);
        return TinyLlama.Download(_backend, _backbone.Forward(tape, batch, adapters, options, rows).Value);
    }
}
