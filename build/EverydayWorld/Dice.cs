namespace EverydayWorld;

/// <summary>A small seeded random source (SplitMix64) whose sequence stays the same on every machine and .NET version.</summary>
public sealed class Dice
{
    private const ulong Increment = 0x9E3779B97F4A7C15UL;
    private ulong _state;

    /// <summary>Starts the sequence of <paramref name="seed"/>.</summary>
    // The state moves on by a constant: unmixed, neighbouring seeds would give the same sequence, one roll apart.
    public Dice(long seed) => _state = Mix(unchecked((ulong)seed + Increment));

    /// <summary>A number from 0 to <paramref name="sides"/> − 1.</summary>
    public int Roll(int sides)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sides);
        _state = unchecked(_state + Increment);
        return (int)((Mix(_state) >> 32) * (ulong)sides >> 32);
    }

    /// <summary>One of the items.</summary>
    public T Pick<T>(IReadOnlyList<T> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        return items[Roll(items.Count)];
    }

    /// <summary>The items in a random order.</summary>
    public T[] Shuffle<T>(IEnumerable<T> items)
    {
        var order = items.ToArray();
        for (var i = order.Length - 1; i > 0; i--)
        {
            var j = Roll(i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }

        return order;
    }

    private static ulong Mix(ulong z)
    {
        z = unchecked((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL);
        z = unchecked((z ^ (z >> 27)) * 0x94D049BB133111EBUL);
        return z ^ (z >> 31);
    }
}
