namespace Microsoft.ML.Moka.Cli.Tests;

/// <summary>What takes long says so, with a terminal and without one.</summary>
public sealed class ProgressDisplayTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(2.5);

    [Fact]
    public void Work_that_takes_more_than_two_seconds_has_lines_and_shorter_work_has_none()
    {
        using var error = new StringWriter();
        var synchronized = TextWriter.Synchronized(error);
        var terminal = new Terminal(TextWriter.Null, synchronized, TextReader.Null, isLive: false);

        Assert.Equal(1, ProgressDisplay.Wait(terminal, "Loading", () => 1));
        Assert.Equal(2, ProgressDisplay.Run(terminal, "Predicting", hasLines: false, display =>
        {
            display.Show(0.1);
            return 2;
        }));
        Assert.Equal("", error.ToString());
        Parallel.Invoke(
            // As long as it takes a busy machine's timer to come to it.
            () => ProgressDisplay.Wait(terminal, "Loading", () => SpinWait.SpinUntil(
                () => Lines().Any(line => line.StartsWith("Loading", StringComparison.Ordinal)), TimeSpan.FromMinutes(1))),
            () => ProgressDisplay.Run(terminal, "Predicting", hasLines: false, display =>
            {
                Slept(Long);
                display.Show(0.5, "1 of 2");
                display.Show(1, "2 of 2");
                return true;
            }));
        Assert.Collection(
            Lines().Order(), line => Assert.Matches("^Loading: [0-9]+ s\\.$", line), line => Assert.Equal("Predicting: 50 %, 1 of 2.", line));

        string[] Lines()
        {
            // As its methods do, for several threads write.
            lock (synchronized)
                return error.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        }
    }

    [Fact]
    public void Where_somebody_looks_something_moves()
    {
        using var error = new StringWriter();
        var terminal = new Terminal(TextWriter.Null, error, TextReader.Null, isLive: true);

        ProgressDisplay.Wait(terminal, "Loading [it]", () =>
        {
            // What is told meanwhile stands above; a display within it is none.
            terminal.Tell("a warning");
            return ProgressDisplay.Wait(terminal, "within", () => Slept(TimeSpan.FromMilliseconds(300)));
        });

        Assert.Contains("Loading [it]", error.ToString(), StringComparison.Ordinal);
        Assert.Contains("a warning", error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("within", error.ToString(), StringComparison.Ordinal);
        Assert.Null(terminal.Drawing);
    }

    private static bool Slept(TimeSpan time)
    {
        Thread.Sleep(time);
        return true;
    }
}
