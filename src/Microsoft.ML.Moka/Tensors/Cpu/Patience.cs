using System.Diagnostics;

namespace Microsoft.ML.Moka.Tensors.Cpu;

/// <summary>
/// Whether help with a loop is worth while. On a machine that has more to do than processors, a helper is put aside in the middle of its chunk, and the loop
/// waits for milliseconds. What help saves and what such waits cost are set off against each other; once waits cost more, loops go without help for a while,
/// twice as long each time that help is tried again in vain. Races do no harm: numbers here change no result.
/// </summary>
internal sealed class Patience
{
    /// <summary>What help has saved counts up to this much: what was long ago says little of the machine's load now.</summary>
    private static readonly long MostSaved = Milliseconds(20);

    private static readonly long ShortestPause = Milliseconds(2);
    private static readonly long LongestPause = Milliseconds(1000);

    private long _saved;
    private long _pause = ShortestPause;
    private long _alone;

    /// <param name="now">A timestamp of <see cref="Stopwatch"/>, as all times here.</param>
    public bool IsWorthHelp(long now) => now >= _alone;

    /// <summary>Learns of a loop that had help.</summary>
    /// <param name="saved">What the caller would have taken for the chunks that others did.</param>
    /// <param name="waited">How much longer than for one chunk it waited for them in the end.</param>
    /// <param name="now">When it ended.</param>
    public void Add(long saved, long waited, long now)
    {
        _saved += saved - Math.Max(0, waited);
        if (_saved >= MostSaved)
        {
            _saved = MostSaved;
            _pause = ShortestPause;
        }
        else if (_saved < 0)
        {
            _saved = 0;
            _alone = now + _pause;
            _pause = Math.Min(2 * _pause, LongestPause);
        }
    }

    private static long Milliseconds(int count) => Stopwatch.Frequency * count / 1000;
}
