using Microsoft.ML.Moka.Tensors.Cpu.Tiles;

namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    private readonly Dictionary<(nint Address, int Rows, int Depth), SharedTiles> _reused = [];

    public override IDisposable? Reuse(Tensor x)
    {
        if (_tiles is null || x.Length == 0)
            return null;
        var key = ((nint)Floats(x), x.Rows, x.Columns);
        lock (_reused)
        {
            if (!_reused.TryGetValue(key, out var shared))
                _reused.Add(key, shared = new SharedTiles());
            shared.Users++;
            return new Reused(this, key);
        }
    }

    /// <summary>Packs the left operand of a product, or takes it where it was packed before.</summary>
    private Packed PackTiles(TileProducts tiles, float* source, int rows, int depth, bool transposed)
    {
        SharedTiles? shared = null;
        if (!transposed)
            lock (_reused)
                _reused.TryGetValue(((nint)source, rows, depth), out shared);
        if (shared is not null)
            lock (shared)
            {
                shared.Tiles ??= tiles.Pack(source, rows, depth, transposed: false);
                // Somebody may have changed the precision meanwhile.
                if (shared.Tiles.IsSplit == tiles.IsSplit)
                    return new Packed(shared.Tiles, isOwned: false);
            }
        return new Packed(tiles.Pack(source, rows, depth, transposed), isOwned: true);
    }

    private void EndReuse((nint, int, int) key)
    {
        SharedTiles shared;
        lock (_reused)
        {
            shared = _reused[key];
            if (--shared.Users > 0)
                return;
            _reused.Remove(key);
        }
        shared.Tiles?.Dispose();
    }

    /// <summary>A left operand in tiles, which goes with this where nobody else has it.</summary>
    private readonly struct Packed(PackedTiles value, bool isOwned) : IDisposable
    {
        public PackedTiles Value => value;

        public void Dispose()
        {
            if (isOwned)
                value.Dispose();
        }
    }

    private sealed class SharedTiles
    {
        public int Users { get; set; }

        public PackedTiles? Tiles { get; set; }
    }

    private sealed class Reused(CpuBackend backend, (nint, int, int) key) : IDisposable
    {
        private int _disposed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
                backend.EndReuse(key);
        }
    }
}
