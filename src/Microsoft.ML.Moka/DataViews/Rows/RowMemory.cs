using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.DataViews.Rows;

/// <summary>
/// What was computed for the rows of a view, for the next pass over it: trainers pass hundreds of times. A row is known by all that its prompt is made of, so
/// that a row that has changed meanwhile is computed anew, and one that comes twice is not. When it is full, it keeps what it has: passes come in the same
/// order, and whatever made room would be dropped before it is asked for again. Any number of threads may use it.
/// </summary>
internal sealed class RowMemory(long mostBytes)
{
    /// <summary>Of a view: some hundred thousand rows' scores over a few words.</summary>
    public const long BytesOfView = 64 << 20;

    // An entry of the dictionary with its share of free ones, and the object that it refers to.
    private const int BytesOfEntry = 96;

    private readonly Dictionary<UInt128, object> _values = [];
    private readonly Lock _lock = new();
    private object? _settings;
    private long _bytes;

    /// <summary>Keeps nothing: for rows that come one by one.</summary>
    public static RowMemory None { get; } = new(0);

    /// <summary>The values of some rows: those that are kept, and the others computed together.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="settings">What the values depend on besides the rows; where it is not equal to the last, all is computed anew.</param>
    /// <param name="compute">Computes rows' values, whichever rows they are together with.</param>
    /// <param name="sizeOf">The bytes that a value refers to.</param>
    public IReadOnlyList<T> Recall<T>(
        IReadOnlyList<PositionedRow> rows, object settings, Func<IReadOnlyList<PositionedRow>, IReadOnlyList<T>> compute, Func<T, long> sizeOf)
        where T : class
    {
        if (mostBytes == 0)
            return compute(rows);
        var keys = new UInt128[rows.Count];
        for (var i = 0; i < keys.Length; i++)
            keys[i] = KeyOf(rows[i].Prompt);
        var values = new T[rows.Count];
        var missing = new List<int>();
        lock (_lock)
        {
            if (!settings.Equals(_settings))
            {
                _values.Clear();
                (_settings, _bytes) = (settings, 0);
            }
            for (var i = 0; i < keys.Length; i++)
            {
                if (_values.TryGetValue(keys[i], out var value))
                    values[i] = (T)value;
                else
                    missing.Add(i);
            }
        }
        if (missing.Count == 0)
            return values;
        var computed = compute(missing.Count == rows.Count ? rows : [.. missing.Select(i => rows[i])]);
        lock (_lock)
        {
            var isCurrent = settings.Equals(_settings);
            for (var i = 0; i < missing.Count; i++)
            {
                values[missing[i]] = computed[i];
                var bytes = BytesOfEntry + sizeOf(computed[i]);
                if (isCurrent && _bytes + bytes <= mostBytes && _values.TryAdd(keys[missing[i]], computed[i]))
                    _bytes += bytes;
            }
        }
        return values;
    }

    /// <summary>Half of a SHA-256 over the parts of a prompt, each with its length before it.</summary>
    private static UInt128 KeyOf(PromptRow row)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(row.Text);
        Append(row.Instruction);
        Append(row.Input);
        Append(row.Messages);
        foreach (var (_, value) in row.Columns ?? new Dictionary<string, string>())
            Append(value);
        foreach (var candidate in row.Candidates)
            Append(candidate);
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        return MemoryMarshal.Read<UInt128>(digest);

        void Append(string? text)
        {
            var length = text?.Length ?? -1;
            hash.AppendData(MemoryMarshal.AsBytes(new ReadOnlySpan<int>(in length)));
            hash.AppendData(MemoryMarshal.AsBytes(text.AsSpan()));
        }
    }
}
