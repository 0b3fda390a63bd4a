module fresnel

go 1.26
