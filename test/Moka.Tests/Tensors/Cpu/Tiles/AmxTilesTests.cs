using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Tensors.Cpu.Tiles;

namespace Microsoft.ML.Moka.Tests.Tensors.Cpu.Tiles;

/// <summary>The emulation beside the manual's pseudocode, written down number by number, and the processor's tiles beside the emulation: bit for bit.</summary>
public sealed class AmxTilesTests
{
    public static TheoryData<bool, bool, int, int, string> Cases =>
    [
        .. from split in (bool[])[false, true]
           from add in (bool[])[false, true]
           from steps in (int[])[1, 2, 18]
           from blocks in (int[])[1, 3]
           from kind in (string[])["normal", "large", "tiny", "mixed"]
           select (split, add, steps, blocks, kind),
    ];

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_emulation_computes_what_the_manual_says(bool split, bool add, int steps, int blocks, string kind)
    {
        Assert.SkipWhen(SimdLevels.Best < SimdLevel.Vector512, "No AVX-512, which the emulation needs.");
        var work = new TileWork(split, add, steps, blocks, kind);
        Assert.Equal(work.ByTheManual(), work.On(new EmulatedTiles()));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_processor_computes_what_the_emulation_computes(bool split, bool add, int steps, int blocks, string kind)
    {
        Assert.SkipWhen(TileDetection.AmxProblem is not null, $"No AMX: {TileDetection.AmxProblem}.");
        var work = new TileWork(split, add, steps, blocks, kind);
        Assert.Equal(work.On(new EmulatedTiles()), work.On(TileDetection.Amx!));
    }

    [Fact]
    public void There_are_tiles_or_there_is_a_reason()
    {
        Assert.NotEqual(TileDetection.Amx is null, TileDetection.AmxProblem is null);
        TestContext.Current.TestOutputHelper?.WriteLine(TileDetection.AmxProblem ?? "The processor's tiles are used.");
    }

    /// <summary>Garbage collections beside the calls, each of which must come back to the same bits.</summary>
    [Fact]
    public async Task Collections_do_not_disturb_the_tiles()
    {
        Assert.SkipWhen(TileDetection.AmxProblem is not null, $"No AMX: {TileDetection.AmxProblem}.");
        var work = new TileWork(true, true, 18, 16, "normal");
        var expected = work.On(TileDetection.Amx!);
        using var stop = new CancellationTokenSource();
        var collector = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
                GC.Collect(0);
        });
        Parallel.For(0, 200, _ => Assert.Equal(expected, work.On(TileDetection.Amx!)));
        stop.Cancel();
        await collector;
    }
}
