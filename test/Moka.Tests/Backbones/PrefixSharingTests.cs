using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Backbones;

public sealed class PrefixSharingTests
{
    private static readonly int[][] Sequences =
    [
        [1, 2, 3, 4, 5], [1, 2, 3, 4, 6, 7], [1, 2, 3], [9, 9], [1, 2, 3, 4, 5], [1, 8], [9],
    ];

    [Fact]
    public void WhatSequencesBeginWithIsThereOnce()
    {
        var batch = new RaggedBatch();

        var places = batch.AddShared(Sequences);

        // 1 · 2 3 · 4 · 5 | 6 7 · 8 and 9 · 9
        Assert.Equal(10, batch.TokenCount);
        for (var i = 0; i < Sequences.Length; i++)
        {
            Assert.Equal(Sequences[i], places[i].Rows.Select(row => batch.Ids[row]));
            Assert.Equal(Enumerable.Range(0, Sequences[i].Length), places[i].Rows.Select(row => batch.Positions[row]));
            Assert.Equal(Sequences[i].Length, places[i].End.NextPosition);
        }
    }

    [Fact]
    public void ASharedTokenHasTheLogitsThatItHasInASequenceOfItsOwn()
    {
        using var backend = new CpuBackend();
        using var backbone = TinyLlama.Frozen(backend);
        var batch = new RaggedBatch();
        var places = batch.AddShared(Sequences);

        var logits = TinyLlama.Logits(backbone, batch);

        var width = TinyLlama.Config.VocabularySize;
        for (var i = 0; i < Sequences.Length; i++)
        {
            var alone = TinyLlama.Logits(backbone, RaggedBatch.Of([Sequences[i]]));
            for (var t = 0; t < Sequences[i].Length; t++)
                for (var j = 0; j < width; j++)
                    Assert.Equal(alone[t * width + j], logits[places[i].Rows[t] * width + j], 1e-4f);
        }
    }

    [Fact]
    public void WhatFollowsASharedSequenceContinuesIt()
    {
        using var backend = new CpuBackend();
        using var backbone = TinyLlama.Frozen(backend);
        var batch = new RaggedBatch();
        var places = batch.AddShared(Sequences);
        var next = batch.Continue(places[2].End, [8]);

        var logits = TinyLlama.Logits(backbone, batch, rows: [next.Rows.Start]);

        var alone = TinyLlama.Logits(backbone, RaggedBatch.Of([[1, 2, 3, 8]]), rows: [3]);
        Assert.Equal(3, next.NextPosition - 1);
        for (var j = 0; j < alone.Length; j++)
            Assert.Equal(alone[j], logits[j], 1e-4f);
    }

    [Fact]
    public void ASequenceWithoutTokensIsRefused() => Assert.Throws<ArgumentException>(() => new RaggedBatch().AddShared([[], [1]]));
}
