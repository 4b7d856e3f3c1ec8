using System.Diagnostics;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Tensors.Cpu;

/// <summary>When loops go without help, told by what help saved and what waiting for it cost.</summary>
public sealed class PatienceTests
{
    private readonly Patience _patience = new();
    private long _now;

    [Fact]
    public void RareLongWaitsDoNotEndHelpThatSavesMore()
    {
        // A hiccup of 15 ms in every thousand loops of a millisecond, as another process makes it now and then.
        for (var loop = 0; loop < 100_000; loop++)
            Run(saved: 1, waited: loop % 1000 == 999 ? 15 : 0);
        Assert.True(_patience.IsWorthHelp(_now));
    }

    [Fact]
    public void WherePutAsideHelpersCostMoreThanTheySaveMostLoopsGoAlone()
    {
        var helped = 0;
        for (var loop = 0; loop < 20_000; loop++)
        {
            if (_patience.IsWorthHelp(_now))
            {
                helped++;
                Run(saved: 0.05, waited: 10);
            }
            else
                _now += Ticks(0.1);
        }
        Assert.InRange(helped, 5, 30);
    }

    [Fact]
    public void HelpComesBackOnceTheMachineIsQuiet()
    {
        for (var loop = 0; loop < 100; loop++)
        {
            if (_patience.IsWorthHelp(_now))
                Run(saved: 0.05, waited: 10);
            else
                _now += Ticks(0.1);
        }
        Run(saved: 0.05, waited: 10);
        Assert.False(_patience.IsWorthHelp(_now));
        _now += Ticks(1000);
        for (var loop = 0; loop < 100; loop++)
        {
            Assert.True(_patience.IsWorthHelp(_now));
            Run(saved: 1, waited: 0.1);
        }
        // The next time that waits cost too much, the pause is the shortest again.
        while (_patience.IsWorthHelp(_now))
            Run(saved: 0, waited: 10);
        Assert.True(_patience.IsWorthHelp(_now + Ticks(2)));
    }

    private void Run(double saved, double waited)
    {
        _now += Ticks(saved + waited);
        _patience.Add(Ticks(saved), Ticks(waited), _now);
    }

    private static long Ticks(double milliseconds) => (long)(milliseconds * Stopwatch.Frequency / 1000);
}
