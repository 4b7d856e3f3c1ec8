namespace Microsoft.ML.Moka.Tests.Tensors.Cpu.Tiles;

public sealed class AmxKroneckerConformance : KroneckerConformance<AmxBackends>;

public sealed class AmxLinearConformance : LinearConformance<AmxBackends>;

public sealed class AmxTrainingConformance : TrainingConformance<AmxBackends>;

public sealed class AmxPropertyConformance : PropertyConformance<AmxBackends>;

public sealed class AmxAdapterVectors : AdapterVectors<AmxBackends>;

public sealed class AmxLlamaVectors : LlamaVectors<AmxBackends>;

public sealed class AmxNewerMethods : NewerMethods<AmxBackends>;
