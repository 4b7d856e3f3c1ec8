using TorchSharp;

namespace Microsoft.ML.Moka.Torch;

/// <summary>
/// Numbers as PyTorch takes them, which live as long as the program. A <see cref="Scalar"/> has a finalizer, and TorchSharp's methods hand its handle alone to
/// PyTorch: a number that nobody refers to any more may be freed while it is read. Others than these are in fields or in <c>using</c>; and <c>x.add(y)</c>,
/// which makes a 1 for itself that it forgets, is written <c>x.add(y, Scalars.One)</c>.
/// </summary>
internal static class Scalars
{
    public static readonly Scalar Zero = 0f;
    public static readonly Scalar One = 1f;
    public static readonly Scalar MinusOne = -1f;
    public static readonly Scalar MinusInfinity = float.NegativeInfinity;
    public static readonly Scalar WholeZero = 0L;
    public static readonly Scalar WholeOne = 1L;
}
