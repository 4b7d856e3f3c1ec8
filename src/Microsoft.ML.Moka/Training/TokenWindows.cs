using System.Collections;

namespace Microsoft.ML.Moka.Training;

/// <summary>
/// A long stream of tokens as examples of plain text: windows of <paramref name="length"/> inputs, the last one maybe shorter. Each token of the stream
/// but the first is the target of one window.
/// </summary>
internal sealed class TokenWindows(ReadOnlyMemory<int> stream, int length) : IReadOnlyList<TrainingExample>
{
    public int Count { get; } = stream.Length < 2 ? 0 : (stream.Length - 2) / length + 1;

    public TrainingExample this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(index);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
            var start = index * length;
            return new TrainingExample(stream.Slice(start, Math.Min(length + 1, stream.Length - start)).ToArray(), 1);
        }
    }

    public IEnumerator<TrainingExample> GetEnumerator()
    {
        for (var i = 0; i < Count; i++)
            yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
