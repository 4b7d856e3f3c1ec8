namespace Microsoft.ML.Moka.Reliability.Fuzzing;

/// <summary>A reader, inputs that it takes, and what it may say of others.</summary>
/// <param name="Name">How it is called on the command line.</param>
/// <param name="Seeds">Whole inputs.</param>
/// <param name="Read">
/// Reads an input as far as users do. What it computes must be finite, and where the input has a hash, it must be what it was: else it throws
/// <see cref="WrongException"/>.
/// </param>
internal sealed record Target(string Name, IReadOnlyList<byte[]> Seeds, Action<byte[]> Read)
{
    /// <summary>What the reader says of an input that it refuses.</summary>
    public Func<Exception, bool> Allows { get; init; } = IsRefusal;

    /// <summary>How an input is changed; the usual way where this is not given.</summary>
    public Func<Mutator, Random, byte[], byte[], byte[]>? Change { get; init; }

    /// <summary>How many inputs are tried where they are the same each time: as many as take some seconds.</summary>
    public int ShortInputs { get; init; } = 4000;

    /// <summary>A file that is damaged, missing, or not for this model.</summary>
    public static bool IsRefusal(Exception e) => e is InvalidDataException or FileNotFoundException;
}

/// <summary>An input was taken for something that it is not.</summary>
internal sealed class WrongException(string what) : Exception(what);
