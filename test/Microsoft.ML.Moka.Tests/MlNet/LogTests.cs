using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Tests.MlNet;

public sealed class LogTests
{
    [Fact]
    public void ChannelsOfHostsAreNamedInTheLog()
    {
        var ml = new MLContext();
        var log = new List<string>();
        ml.Log += (_, e) => log.Add(e.Message);
        var host = ((IHostEnvironment)ml).Register("Outer");
        using (var channel = host.Start("Work"))
        {
            channel.Warning(MessageSensitivity.None, "{0} of {1}", 1, 2);
            channel.Error(MessageSensitivity.None, "curly {0} braces stay");
        }
        Assert.Equal("[Source=Outer; Work, Kind=Trace] Channel started", log[0]);
        Assert.Equal("[Source=Outer; Work, Kind=Warning] 1 of 2", log[1]);
        Assert.Equal("[Source=Outer; Work, Kind=Error] curly {0} braces stay", log[2]);
        Assert.StartsWith("[Source=Outer; Work, Kind=Trace] Channel finished. Elapsed ", log[3]);
        Assert.Equal("[Source=Outer; Work, Kind=Trace] Channel disposed", log[4]);
    }

    [Fact]
    public void AHostWithTheSameSeedDrawsTheSameNumbers()
    {
        static int Draw(int contextSeed, int? hostSeed) => ((IHostEnvironment)new MLContext(contextSeed)).Register("Host", hostSeed).Rand.Next();
        Assert.Equal(Draw(1, null), Draw(1, null));
        Assert.Equal(Draw(1, 5), Draw(2, 5));
        Assert.NotEqual(Draw(1, null), Draw(2, null));
    }

    [Fact]
    public void AProgressChannelTakesNoMoreValuesThanItsHeaderNames()
    {
        var ml = new MLContext();
        var channel = ((IHostEnvironment)ml).StartProgressChannel("Progress");
        channel.SetHeader(new ProgressHeader(["loss"], ["steps"]), entry => entry.SetProgress(0, 1));
        channel.Checkpoint(0.5, 10, 100);
        Assert.Throws<InvalidOperationException>(() => channel.Checkpoint(1, 2, 3, 4));
        channel.Dispose();
        Assert.Throws<InvalidOperationException>(() => channel.Checkpoint(1));
    }

    [Fact]
    public void OptionsAreKeptByName()
    {
        var ml = new MLContext();
        Assert.True(ml.TryAddOption("depth", 3));
        Assert.False(ml.TryAddOption("depth", 4));
        Assert.True(ml.TryGetOption("depth", out int depth));
        Assert.Equal(3, depth);
        Assert.False(ml.TryGetOption("depth", out string _));
        Assert.Equal(0, ml.GetOptionOrDefault<int>("absent"));
        Assert.True(ml.RemoveOption("depth"));
        Assert.Throws<ArgumentNullException>(() => ml.SetOption(" ", 1));
    }
}
