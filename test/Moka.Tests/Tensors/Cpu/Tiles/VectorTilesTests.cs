using Microsoft.ML.Moka.Tensors.Cpu.Tiles;

namespace Microsoft.ML.Moka.Tests.Tensors.Cpu.Tiles;

/// <summary>The processor's vectors of bfloat16 beside the manual's pseudocode, number by number: bit for bit.</summary>
public sealed class VectorTilesTests
{
    public VectorTilesTests() => Assert.SkipUnless(VectorTiles.IsSupported, "The processor has no AVX512_BF16.");

    public static TheoryData<bool, int, int, string> Cases =>
    [
        .. from add in (bool[])[false, true]
           from steps in (int[])[1, 2, 18]
           from blocks in (int[])[1, 3]
           from kind in (string[])["normal", "large", "tiny", "mixed"]
           select (add, steps, blocks, kind),
    ];

    [Theory]
    [MemberData(nameof(Cases))]
    public void They_compute_what_the_manual_says(bool add, int steps, int blocks, string kind)
    {
        var work = new TileWork(false, add, steps, blocks, kind);
        Assert.Equal(work.ByTheManualOfVectors(), work.On(new VectorTiles()));
    }

    /// <summary>Garbage collections beside the calls, each of which must come back to the same bits.</summary>
    [Fact]
    public async Task Collections_do_not_disturb_them()
    {
        var work = new TileWork(false, true, 18, 16, "normal");
        var tiles = new VectorTiles();
        var expected = work.On(tiles);
        using var stop = new CancellationTokenSource();
        var collector = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
                GC.Collect(0);
        });
        Parallel.For(0, 100, _ => Assert.Equal(expected, work.On(tiles)));
        stop.Cancel();
        await collector;
    }
}
