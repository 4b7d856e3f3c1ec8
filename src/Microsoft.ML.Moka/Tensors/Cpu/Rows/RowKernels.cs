using System.Runtime.Intrinsics;

namespace Microsoft.ML.Moka.Tensors.Cpu.Rows;

/// <summary>Loops over the elements of a row, of a stretch of rows or of a whole tensor, for vectors of any width.</summary>
internal abstract unsafe class RowKernels
{
    public static RowKernels For(SimdLevel level) => level switch
    {
        SimdLevel.Vector512 => new RowKernels<Simd512, Vector512<float>>(),
        SimdLevel.Vector256 => new RowKernels<Simd256, Vector256<float>>(),
        SimdLevel.Vector128 => new RowKernels<Simd128, Vector128<float>>(),
        _ => new RowKernels<SimdScalar, float>(),
    };

    /// <summary>y = a + b.</summary>
    public abstract void Add(float* a, float* b, float* y, long n);

    /// <summary>y = a ∘ b.</summary>
    public abstract void Multiply(float* a, float* b, float* y, int n);

    /// <summary>y += a ∘ b · scale.</summary>
    public abstract void AddProduct(float* a, float* b, float scale, float* y, int n);

    /// <summary>y = silu(gate) ∘ up.</summary>
    public abstract void SwiGlu(float* gate, float* up, float* y, long n);

    public abstract void SwiGluGradient(float* dy, float* gate, float* up, float* gateGradient, float* upGradient, long n);

    /// <summary>y = x / rms(x) ∘ weight for one row; gives 1 / rms(x).</summary>
    public abstract float RmsNorm(float* x, float* weight, float* y, int n, float epsilon);

    /// <summary>dx of one row.</summary>
    public abstract void RmsNormGradient(float* dy, float* x, float* weight, float inverseRms, float* dx, int n);

    /// <summary>Turns the heads of one row, each of width 2 · half, by angles with these cosines and sines; sign −1 turns back.</summary>
    public abstract void Rotate(float* x, float* cosines, float* sines, float sign, float* y, int half, int heads);

    /// <summary>x = e^(x − max(x)) for one row; gives max(x) and the sum of the new x.</summary>
    public abstract (float Largest, float Sum) Exponentials(float* x, int n);

    /// <summary>x = x · scale.</summary>
    public abstract void Scale(float* x, float scale, int n);

    public abstract void AdamW(float* value, float* gradient, float* first, float* second, in AdamWStep step, long n);
}
